// Explorer: filters lead to a list, the list to one sample; the address remembers both.

const COLUMNS_AT_MOST = 5;
const MODELS_AT_FIRST = 4;
const TYPING_PAUSE_MS = 120;
const NARROW = matchMedia("(max-width: 900px)");
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

  async start() {
    fillFilters();
    try {
      await store.open();
    } catch (error) {
      say(`The embedded samples could not be read (${error.message}); they are also in samples.parquet.`);
      return;
    }
    this.isReady = true;
    list.setColumns([...HEAD.models.keys()].slice(0, COLUMNS_AT_MOST));
    detail.models = new Set(list.columns.slice(0, MODELS_AT_FIRST));
    this.listen();
    await this.follow({ isArrival: true });
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
    addEventListener("hashchange", () => this.follow({ isArrival: true }));
  },

  /** Go where the address leads: its filters, and its sample. */
  async follow({ isArrival }) {
    const wanted = readAddress();
    if (wanted === null) {
      if (list.rows.length === 0) await this.apply(undefined);
      return;
    }
    writeFilters(wanted);
    if (isArrival) byId(wanted.id === undefined ? "samples" : "explorer").scrollIntoView({ behavior: "instant" });
    const row = wanted.id === undefined ? undefined : findSample(wanted);
    await this.apply(row);
    if (wanted.id !== undefined && row === undefined) say(`${byId("count").textContent}; no sample is named “${oneLine(wanted.id, ID_LENGTH)}”`);
    if (row !== undefined && list.selected >= 0) this.showDetail();
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
    this.showFilteredModel(filters.model);
    byId("clear").hidden = Object.keys(filters).length === 0;
    const rows = matchingRows(filters);
    if (filters.q === undefined) return this.present(rows, row, 1);
    for await (const [found, share] of searchRows(rows, filters.q)) {
      if (this.search !== search) return;
      this.present(found, row, share);
    }
  },

  present(rows, row, share) {
    const place = row === undefined ? -1 : rows.indexOf(row);
    list.show(rows, place);
    const progress = share < 1 ? `, searching the texts, ${Math.floor(100 * share)}%` : "";
    say(`${count(rows.length)} of ${plural(store.size, "sample")}${progress}`);
    if (place >= 0) this.open(place, { keepsAddress: true });
    else if (rows.length > 0 && !NARROW.matches) this.open(0, { keepsAddress: true });
    else if (rows.length === 0) detail.clear();
  },

  /** With more models than columns, the filtered one takes the last column. */
  showFilteredModel(label) {
    const best = [...HEAD.models.keys()].slice(0, COLUMNS_AT_MOST);
    const model = HEAD.models.indexOf(label);
    const columns = model < COLUMNS_AT_MOST ? best : [...best.slice(0, -1), model];
    if (String(columns) === String(list.columns)) return;
    list.setColumns(columns);
    detail.models = new Set(columns.slice(model < COLUMNS_AT_MOST ? 0 : 1).slice(0, MODELS_AT_FIRST));
  },

  open(place, { keepsAddress = false } = {}) {
    const row = list.rows[place];
    if (row === undefined) return;
    list.select(place);
    detail.show(row);
    if (!keepsAddress) history.replaceState(null, "", address({ ...readFilters(), ...sampleAddress(row) }));
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
  fill("f-slice", [["", "all"], ...HEAD.slices.map(([name, value]) => [`${name}=${value}`, oneLine(`${name} ${value}`, ID_LENGTH)])]);
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
