// Answer: what one model answered in one trial, how it was scored, and where its time went.

const READ_LENGTH = 300;
const NOTE_LENGTH = 2000;
const NOT_EMBEDDED = "Text not embedded; it is in samples.parquet.";

function answerCard(row, model, trial, answer) {
  const outcome = store.outcome(row, model, trial);
  const name = element("h4", { className: "hd" });
  name.append(appendText(element("b"), HEAD.models[model], NAME_LENGTH));
  if (store.evaluation(row).trials > 1) name.append(element("span", { className: "dim" }, `trial ${trial + 1}`));
  name.append(...badges(outcome, store.value(row, model, trial), store.evaluation(row)));
  if (answer === null) return element("div", {}, name, element("p", { className: "meta" }, NOT_EMBEDDED));
  const notes = [parameters(row, model), timeNote(answer), servedNote(answer)];
  return element("div", {}, name, ...answerBody(answer), scoreTable(answer.scores), ...notes);
}

function answerBody(answer) {
  const parts = [];
  if (answer.failure !== undefined) {
    parts.push(appendText(element("p", { className: "failure", dir: "auto" }), answer.failure, NOTE_LENGTH));
  }
  if (answer.text !== undefined) parts.push(textBox(answer.text, "Answer"));
  else if (answer.calls === undefined) parts.push(element("p", { className: "txt dim" }, "no answer text"));
  if (answer.calls !== undefined) parts.push(element("p", { className: "meta" }, "Tool calls"), textBox(answer.calls, "Tool calls"));
  if (answer.reasoning !== undefined) {
    parts.push(folded(`Reasoning, ${plural(answer.reasoning.length, "character")}`, answer.reasoning, "Reasoning"));
  }
  return parts;
}

const folded = (summary, text, label) =>
  element("details", {}, element("summary", {}, summary), textBox(text, label));

/** Fold what was sent beside the messages; nothing where that was nothing. */
function parameters(row, model) {
  const params = store.params(row, model);
  if (params === null) return null;
  const names = Object.keys(params);
  return folded(oneLine(`Parameters: ${names.join(", ")}`, NAME_LENGTH), JSON.stringify(params, null, 2), "Parameters");
}

/** List each scorer's verdict: its score or why there is none, what it read as the answer, and its reason. */
function scoreTable(scores) {
  const rows = element("dl", { className: "scores" });
  for (const { scorer, value, outcome, answer, reason } of scores) {
    const said = element("dd", { dir: "auto" });
    const isScored = outcome === "scored";
    const className = isScored ? markClass({ score: outcome }, value) : "";
    said.append(element("b", { className }, isScored ? formatScore(value) : words(outcome)));
    if (answer !== undefined) {
      said.append(" read ", appendText(element("bdi", { className: "read" }), answer, READ_LENGTH));
    }
    if (reason !== undefined) said.append(appendText(element("div", { dir: "auto" }), reason, NOTE_LENGTH));
    rows.append(element("dt", {}, oneLine(scorer, NAME_LENGTH)), said);
  }
  return rows;
}

const countOrDash = (number) => (number === null ? "–" : count(number));

/** Say how long the answering attempt took, what part of it came before the answer, and what came before it. */
function timeNote({ seconds, byte, token, queue, backoff, attempts, tokens, finish }) {
  const inside = Object.entries({ "first byte": byte, "first token": token })
    .filter(([, value]) => value !== undefined)
    .map(([part, value]) => `${part} after ${formatSeconds(value)}`);
  const own = seconds === undefined ? "no time measured" : formatSeconds(seconds);
  const parts = [inside.length === 0 ? own : `${own} (${inside.join(", ")})`];
  if (queue !== undefined) parts.push(`${formatSeconds(queue)} queued`);
  if (backoff !== undefined) parts.push(`${formatSeconds(backoff)} backed off`);
  if (attempts !== undefined) parts.push(plural(attempts, "attempt"));
  parts.push(tokens === undefined ? "tokens not told" : `${tokens.map(countOrDash).join(" in, ")} out`);
  if (finish !== undefined && finish !== "stop") parts.push(`ended by ${oneLine(finish, NAME_LENGTH)}`);
  return element("p", { className: "meta" }, parts.join(" · "));
}

/** Say which model the server names, where it names one. */
function servedNote({ served, fingerprint, logprobs, cached }) {
  const parts = cached === undefined ? [] : ["from the shared cache"];
  if (served !== undefined) parts.push(`served by ${oneLine(served, NAME_LENGTH)}`);
  if (fingerprint !== undefined) parts.push(oneLine(fingerprint, NAME_LENGTH));
  if (logprobs !== undefined) parts.push("logprobs recorded");
  return parts.length === 0 ? null : element("p", { className: "meta" }, parts.join(" · "));
}
