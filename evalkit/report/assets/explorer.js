// Explorer: filters lead to a list, the list to one sample; the address remembers both.

const MODELS_AT_FIRST = 4;
const TYPING_PAUSE_MS = 120;
const NARROW = matchMedia("(max-width: 900px)");
const PHONE = matchMedia("(max-width: 720px)");
const OUTCOMES_FIRST = [
  ["", "any"],
  [NOT_SCORED, "anything but scored"],
];
const SCORE_CHOICES = [
  ["", "any"],
  ["one", "exactly 1"],
  ["zero", "exactly 0"],
  ["part", "between 0 and 1"],
  ["low", "below 0.5"],
  ["none", "none"],
];

const explorer = {
  isReady: false,
  search: null,
  chosen: undefined,

  async start() {
    fillFilters();
    try {
      await store.open();
    } catch (error) {
      say(`The embedded samples could not be read (${error.message}); they are also in samples.parquet.`);
      return;
    }
    this.isReady = true;
    this.showColumns("");
    this.listen();
    await this.follow();
    document.documentElement.dataset.ready = "true";
  },

  listen() {
    let typing;
    byId("filters").addEventListener("input", ({ target }) => {
      clearTimeout(typing);
      typing = setTimeout(() => this.refilter(), target.type === "search" ? TYPING_PAUSE_MS : 0);
    });
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("clear").addEventListener("click", () => {
      writeFilters({});
      this.refilter();
      byId("f-q").focus();
    });
    byId("list").addEventListener("scroll", () => list.paintSoon(), { passive: true });
    byId("list").addEventListener("keydown", (event) => this.moveInList(event));
    byId("rows").addEventListener("click", (event) => this.openClicked(event));
    addEventListener("resize", () => list.paintSoon());
    addEventListener("hashchange", () => this.follow());
  },

  /** Go where the address leads: its filters, and its sample. */
  async follow() {
    const wanted = readAddress();
    if (wanted === null) {
      if (list.rows.length === 0) await this.apply(undefined);
      return;
    }
    const names = wanted.id !== undefined;
    const row = names ? findSample(wanted) : undefined;
    writeFilters(wanted);
    byId(names ? "explorer" : "samples").scrollIntoView({ behavior: "instant" });
    byId("explorer").classList.remove("open");
    await this.apply(row);
    if (row !== undefined && list.rows[list.selected] === row) this.showDetail();
    else if (names) {
      const why = row === undefined ? "no sample is named" : "these filters leave out";
      say(`${byId("count").textContent}; ${why} “${oneLine(wanted.id, ID_LENGTH)}”`);
    }
  },

  async refilter() {
    history.replaceState(null, "", address(readFilters()));
    byId("list").scrollTop = 0;
    byId("explorer").classList.remove("open");
    await this.apply(undefined);
  },

  /** List what the filters leave; a newer call ends an older one's search. */
  async apply(row) {
    const filters = readFilters();
    const search = {};
    this.search = search;
    this.chosen = row;
    this.showColumns(filters.model);
    byId("clear").hidden = Object.keys(filters).length === 0;
    const rows = matchingRows(filters);
    if (filters.q === undefined) return this.present(rows, 1);
    for await (const [found, share] of searchRows(rows, filters.q)) {
      if (this.search !== search) return;
      this.present(found, share);
    }
  },

  /** Show the rows found so far with the chosen sample, or beside a list the first one. */
  present(rows, share) {
    const place = this.chosen === undefined ? -1 : rows.indexOf(this.chosen);
    const hasDefault = place < 0 && rows.length > 0 && !NARROW.matches;
    list.show(rows, hasDefault ? 0 : place);
    const progress = share < 1 ? `, searching the texts, ${Math.floor(100 * share)}%` : "";
    say(`${count(rows.length)} of ${plural(store.size, "sample")}${progress}`);
    if (place >= 0) list.select(place);
    if (list.selected >= 0) detail.show(rows[list.selected]);
    else detail.clear();
  },

  /** With more models than columns, the filtered one takes the last column. */
  showColumns(label) {
    const room = PHONE.matches ? 3 : 5;
    const columns = [...HEAD.models.keys()].slice(0, room);
    const filtered = HEAD.models.indexOf(label);
    if (filtered >= room) columns[room - 1] = filtered;
    if (String(columns) === String(list.columns)) return;
    list.setColumns(columns);
    detail.shown = null;
    detail.models = new Set([...(filtered >= room ? [filtered] : []), ...columns].slice(0, MODELS_AT_FIRST));
  },

  open(place) {
    const row = list.rows[place];
    if (row === undefined) return;
    this.chosen = row;
    list.select(place);
    detail.show(row);
    history.replaceState(null, "", address({ ...readFilters(), ...sampleAddress(row) }));
  },

  step(by) {
    this.open(list.selected + by);
  },

  openClicked(event) {
    const row = event.target.closest("tr[data-place]");
    if (row === null || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.open(Number(row.dataset.place));
    this.showDetail();
  },

  moveInList(event) {
    const page = Math.max(1, Math.floor(byId("list").clientHeight / ROW_HEIGHT) - 2);
    const last = list.rows.length - 1;
    const places = {
      ArrowDown: list.selected + 1,
      ArrowUp: list.selected - 1,
      PageDown: list.selected + page,
      PageUp: list.selected - page,
      Home: 0,
      End: last,
    };
    if (event.key === "Enter") return this.showDetail();
    if (!(event.key in places)) return;
    event.preventDefault();
    this.open(Math.max(0, Math.min(last, places[event.key])));
  },

  /** On a narrow screen the sample takes the list's place. */
  showDetail() {
    if (!NARROW.matches || list.selected < 0) return;
    byId("explorer").classList.add("open");
    byId("detail").focus({ preventScroll: true });
  },

  closeDetail() {
    byId("explorer").classList.remove("open");
    byId("list").focus({ preventScroll: true });
    list.select(list.selected);
  },
};

function say(sentence) {
  byId("count").textContent = sentence;
}

function fillFilters() {
  const named = (values) => values.map((value) => [value, oneLine(value, ID_LENGTH)]);
  fill("f-eval", [["", "all"], ...named(HEAD.evaluations.map(({ name }) => name))]);
  fill("f-model", [["", "any"], ...named(HEAD.models)]);
  const slices = HEAD.slices.map(([name, value]) => [`${name}=${value}`, oneLine(`${name} ${value}`, ID_LENGTH)]);
  fill("f-slice", [["", "all"], ...slices]);
  const seen = new Set(HEAD.outcomes.flatMap(({ score, call }) => [score, call === "truncated" ? call : score]));
  fill("f-outcome", [...OUTCOMES_FIRST, ...[...seen].sort().map((name) => [name, words(name)])]);
  fill("f-score", SCORE_CHOICES);
}

function fill(id, choices) {
  byId(id).append(...choices.map(([value, text]) => element("option", { value }, text)));
}

async function copyLink(row, node) {
  const link = location.href.split("#")[0] + address({ ...readFilters(), ...sampleAddress(row) });
  try {
    await navigator.clipboard.writeText(link);
    node.textContent = "Copied";
  } catch {
    const box = byId("copy");
    box.querySelector("textarea").value = link;
    box.showModal();
    box.querySelector("textarea").select();
  }
}
