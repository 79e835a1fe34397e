// List: a window of table rows over any number of samples; only what can be seen is in the document.

const ROW_HEIGHT = 42;
const ROWS_BEYOND = 8;
const PREVIEW_LENGTH = 110;
const ID_LENGTH = 60;

const list = {
  rows: [],
  selected: -1,
  columns: [],
  frame: 0,

  /** Show these samples; `selected` is a place in `rows`, or -1. */
  show(rows, selected) {
    this.rows = rows;
    this.selected = selected;
    byId("none").hidden = rows.length > 0;
    byId("grid").ariaRowCount = String(rows.length + 1);
    this.paint();
  },

  select(place) {
    this.selected = place;
    const pane = byId("list");
    const head = byId("columns").offsetHeight;
    const top = place * ROW_HEIGHT;
    const lowest = top + ROW_HEIGHT - (pane.clientHeight - head);
    pane.scrollTop = Math.max(lowest, Math.min(pane.scrollTop, top));
    this.paintSoon();
  },

  /** Show these models as columns. */
  setColumns(models) {
    this.columns = models;
    for (const node of document.querySelectorAll("#grid .model")) node.remove();
    for (const model of models) {
      const label = HEAD.models[model];
      byId("widths").append(element("col", { className: "model" }));
      byId("columns").append(
        element(
          "th",
          { scope: "col", className: "num model", title: oneLine(label, 200) },
          element("span", { className: "clamp" }, oneLine(label, ID_LENGTH)),
        ),
      );
    }
    this.paintSoon();
  },

  paintSoon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  },

  paint() {
    const pane = byId("list");
    const visible = Math.ceil(pane.clientHeight / ROW_HEIGHT);
    const first = Math.max(0, Math.floor(pane.scrollTop / ROW_HEIGHT) - ROWS_BEYOND);
    const last = Math.min(this.rows.length, first + visible + 2 * ROWS_BEYOND);
    const shown = this.rows.slice(first, last).map((row, offset) => this.tableRow(row, first + offset));
    byId("rows").replaceChildren(this.spacer(first), ...shown, this.spacer(this.rows.length - last));
  },

  spacer(rows) {
    const cell = element("td");
    cell.style.height = `${rows * ROW_HEIGHT}px`;
    return element("tr", { className: "pad", ariaHidden: "true", hidden: rows === 0 }, cell);
  },

  tableRow(row, place) {
    const id = oneLine(store.index.ids[row], ID_LENGTH);
    const preview = oneLine(store.index.previews[row], PREVIEW_LENGTH);
    const link = element("a", { href: address({ ...readFilters(), ...sampleAddress(row) }), tabIndex: -1 }, id);
    const node = element(
      "tr",
      { ariaRowIndex: String(place + 2) },
      element("th", { scope: "row" }, link, element("small", { className: "pv2" }, preview)),
      element("td", { className: "c-pv" }, preview),
      ...this.columns.map((model) => markCell(row, model)),
    );
    node.dataset.place = String(place);
    if (place === this.selected) node.ariaCurrent = "true";
    return node;
  },
};
