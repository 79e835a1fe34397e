// Address: the filters and the open sample as "#samples?eval=..&id=..", so that a link leads to the same place.

const FILTERS = ["q", "eval", "model", "outcome", "score", "slice"];

/** Read what the filter form holds; empty filters are left out. */
function readFilters() {
  const values = FILTERS.map((name) => [name, byId(`f-${name}`).value.trim()]);
  return Object.fromEntries(values.filter(([, value]) => value !== ""));
}

/** Fill the filter form; a value that the form does not offer is left out. */
function writeFilters(values) {
  for (const name of FILTERS) {
    const control = byId(`f-${name}`);
    control.value = values[name] ?? "";
    if (control.selectedIndex === -1) control.value = "";
  }
}

function address(values) {
  const query = new URLSearchParams(values).toString();
  return query === "" ? "#samples" : `#samples?${query}`;
}

/** Name a sample in the address; `of` is its evaluation, needed where several evaluations ask the same sample. */
function sampleAddress(row) {
  const id = store.index.ids[row];
  const of = store.named(id).length > 1 ? { of: store.evaluation(row).name } : {};
  return { id, ...of };
}

/** Read the address: null when it does not lead to the samples. */
function readAddress() {
  const [place, query = ""] = location.hash.split(/\?(.*)/s);
  return place === "#samples" ? Object.fromEntries(new URLSearchParams(query)) : null;
}

function findSample({ id, of }) {
  const rows = store.named(id);
  return rows.find((row) => store.evaluation(row).name === of) ?? rows[0];
}
