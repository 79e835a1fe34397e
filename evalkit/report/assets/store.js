// Store: unpacks the embedded data. The index has a small row for each sample; texts come in chunks, when needed.

const HEAD = JSON.parse(byId("head").textContent);
const CHUNKS_KEPT = 40;
const ABSENT = ".";

async function unpack(id) {
  const packed = byId(id).textContent.trim();
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const store = {
  index: null,
  size: 0,
  chunks: new Map(),
  rowsById: new Map(),

  async open() {
    this.index = await unpack("index");
    this.size = this.index.ids.length;
    this.rowsById = Map.groupBy(this.index.ids.keys(), (row) => this.index.ids[row]);
  },

  /** Read chunk `number`; the chunks used last stay in memory. */
  async chunk(number) {
    const rows = this.chunks.get(number) ?? (await unpack(`c${number}`));
    this.chunks.delete(number);
    this.chunks.set(number, rows);
    if (this.chunks.size > CHUNKS_KEPT) this.chunks.delete(this.chunks.keys().next().value);
    return rows;
  },

  /** Read the texts of a sample; null where they are not embedded. */
  async texts(row) {
    const number = Math.floor(row / HEAD.chunk);
    return (await this.chunk(number))[row - number * HEAD.chunk];
  },

  /** Return how a prediction ended, or null where the model was not asked. */
  outcome(row, model, trial) {
    const code = this.index.outcomes[model][row * HEAD.trials + trial];
    return code === ABSENT ? null : HEAD.outcomes[parseInt(code, 36)];
  },

  /** Return a prediction's value under the evaluation's first scorer, or null where nothing was measured. */
  value(row, model, trial) {
    return this.index.values[model][row * HEAD.trials + trial];
  },

  evaluation(row) {
    return HEAD.evaluations[this.index.evaluations[row]];
  },

  /** Return what was sent to a model beside the messages, or null where that was nothing. */
  params(row, model) {
    return this.index.params[this.index.evaluations[row]][model];
  },

  slices(row) {
    return this.index.slices[row].map((number) => HEAD.slices[number]);
  },

  /** Return the rows of the samples named `id`: one for each evaluation that asks it. */
  named(id) {
    return this.rowsById.get(id) ?? [];
  },
};
