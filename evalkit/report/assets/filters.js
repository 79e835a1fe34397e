// Filters: from the filters' values to the samples that match; values first, then the texts, chunk by chunk.

const SCORES = {
  one: (value) => value === 1,
  zero: (value) => value === 0,
  part: (value) => value !== null && value > 0 && value < 1,
  low: (value) => value !== null && value < 0.5,
  none: (value) => value === null,
};
const NOT_SCORED = "failed";
const BUSY_AT_MOST_MS = 100;

/** Return the matching rows without looking at a text. Outcome and score are tested on the same prediction. */
function matchingRows(filters) {
  const { evaluations, slices } = store.index;
  const evaluation = HEAD.evaluations.findIndex(({ name }) => name === filters.eval);
  const slice = HEAD.slices.findIndex((pair) => pair.join("=") === filters.slice);
  const hasPrediction = predictionTest(filters);
  const rows = [];
  for (let row = 0; row < store.size; row++) {
    if (filters.eval && evaluations[row] !== evaluation) continue;
    if (filters.slice && !slices[row].includes(slice)) continue;
    if (hasPrediction(row)) rows.push(row);
  }
  return rows;
}

function predictionTest({ model, outcome, score }) {
  if (!model && !outcome && !score) return () => true;
  const models = model ? [HEAD.models.indexOf(model)] : [...HEAD.models.keys()];
  const hasScore = SCORES[score] ?? (() => true);
  const trials = [...Array(HEAD.trials).keys()];
  return (row) =>
    models.some((number) =>
      trials.some((trial) => {
        const found = store.outcome(row, number, trial);
        return found !== null && hasOutcome(found, outcome) && hasScore(store.value(row, number, trial));
      }),
    );
}

function hasOutcome({ score, call }, wanted) {
  if (!wanted) return true;
  return wanted === NOT_SCORED ? score !== "scored" : score === wanted || call === wanted;
}

/** Keep the rows whose id or texts hold `query`; yields [rows so far, share searched] on its way. */
async function* searchRows(rows, query) {
  const pattern = new RegExp(query.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "i");
  const { ids, previews } = store.index;
  const found = new Set(rows.filter((row) => pattern.test(ids[row]) || pattern.test(previews[row])));
  const rest = Map.groupBy(rows.filter((row) => !found.has(row)), (row) => Math.floor(row / HEAD.chunk));
  const foundRows = () => rows.filter((row) => found.has(row));
  let searched = 0;
  let pausedAt = performance.now();
  if (rest.size > 0) yield [foundRows(), 0];
  for (const [number, candidates] of rest) {
    const texts = await store.chunk(number);
    for (const row of candidates) if (holds(texts[row - number * HEAD.chunk], pattern)) found.add(row);
    searched += 1;
    if (performance.now() - pausedAt < BUSY_AT_MOST_MS) continue;
    yield [foundRows(), searched / rest.size];
    await new Promise((resume) => setTimeout(resume));
    pausedAt = performance.now();
  }
  yield [foundRows(), 1];
}

function holds(texts, pattern) {
  if (texts === null) return false;
  const answers = texts.models.flat().filter((answer) => answer !== null);
  return [texts.input, texts.target, ...answers.flatMap(({ text, failure }) => [text, failure])].some(
    (text) => text !== undefined && pattern.test(text),
  );
}
