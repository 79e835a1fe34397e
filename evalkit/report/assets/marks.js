// Marks: how one prediction, or the trials of one, reads in a narrow column and on a badge.

const SHORT_WORDS = {
  no_answer: "none",
  truncated: "cut off",
  infra_error: "infra",
  scorer_error: "scorer",
  judge_failed: "judge",
};
const NOTHING_MEASURED = new Set(["infra_error", "rejected", "not_run", "scorer_error", "judge_failed"]);

const words = (name) => name.replaceAll("_", " ");
const isCut = ({ score, call }) => call === "truncated" && score === "scored";
const endedAs = ({ score, call }) => (call === "truncated" && score !== "scored" ? call : score);

/** Return the class of a mark: what the colour claims. */
function markClass(outcome, value) {
  const name = endedAs(outcome);
  if (name !== "scored") return NOTHING_MEASURED.has(name) ? "err" : "bad";
  return value === 1 ? "ok" : value === 0 ? "zero" : "part";
}

/** Return the list's cell for a model's predictions of a sample, all trials together. */
function markCell(row, model) {
  const trials = trialsOf(row, model);
  if (trials.length === 0) return element("td", { className: "sc dim", title: "not asked" }, "–");
  const [first] = trials;
  if (trials.length === 1 || trials.every(({ value }) => value === null)) {
    return element("td", { className: `sc ${markClass(first.outcome, first.value)}` }, markText(first));
  }
  const values = trials.map(({ value }) => value).filter((value) => value !== null);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const missing = trials.length - values.length;
  if (missing === 0) {
    return element("td", { className: `sc ${markClass({ score: "scored" }, mean)}` }, formatScore(mean));
  }
  const note = element("span", { className: "vh" }, `, ${missing} of ${trials.length} trials not scored`);
  return element("td", { className: "sc bad" }, `${formatScore(mean)} !`, note);
}

function trialsOf(row, model) {
  return [...Array(HEAD.trials).keys()]
    .map((trial) => ({ outcome: store.outcome(row, model, trial), value: store.value(row, model, trial) }))
    .filter(({ outcome }) => outcome !== null);
}

function markText({ outcome, value }) {
  const name = endedAs(outcome);
  if (name !== "scored") return SHORT_WORDS[name] ?? words(name);
  return isCut(outcome) ? `${formatScore(value)} cut` : formatScore(value);
}

/** Return the badges of one prediction, and what it counts as where that is not its score. */
function badges(outcome, value, evaluation) {
  const name = endedAs(outcome);
  const badge = element("span", { className: `badge ${markClass(outcome, value)}` });
  badge.append(name === "scored" ? `score ${formatScore(value)}` : words(name));
  const rules = evaluation.counts_as;
  if (isCut(outcome)) {
    const cut = element("span", { className: "badge bad" }, "truncated");
    return "truncated" in rules ? [badge, cut, countsAs(rules.truncated)] : [badge, cut];
  }
  if (name === "scored") return [badge];
  return [badge, countsAs(name in rules ? rules[name] : (value ?? rules[outcome.score] ?? null))];
}

function countsAs(counts) {
  const note = counts === null ? "not in the mean" : `counts as ${formatScore(counts)}`;
  return element("span", { className: "dim" }, note);
}
