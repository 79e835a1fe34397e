// Detail: one sample in full, with what every chosen model answered and how it was scored.

const NAME_LENGTH = 80;
const READ_LENGTH = 300;
const NOTE_LENGTH = 2000;
const NOT_EMBEDDED = "Text not embedded; it is in samples.parquet.";

const detail = {
  shown: null,
  models: new Set(),

  /** Show a sample; a later call wins over one that still unpacks its texts. */
  async show(row) {
    if (this.shown === row) return this.enableSteps();
    this.shown = row;
    await this.draw(row);
    if (this.shown === row) byId("detail").scrollTop = 0;
  },

  /** Draw a sample anew; the button that asked for it keeps the focus. */
  async draw(row) {
    const texts = await store.texts(row);
    if (this.shown !== row) return;
    const focused = document.activeElement.id;
    byId("detail").replaceChildren(toolbar(row), facts(row, texts), modelChooser(row), answers(row, texts));
    this.enableSteps();
    if (document.activeElement.id !== focused) byId(focused)?.focus({ preventScroll: true });
  },

  enableSteps() {
    for (const [id, by] of [["previous", -1], ["next", 1]]) {
      const step = byId(id);
      if (step !== null) step.disabled = list.rows[list.selected + by] === undefined;
    }
  },

  clear() {
    this.shown = null;
    byId("detail").replaceChildren(element("p", { className: "empty" }, "Choose a sample."));
  },
};

function toolbar(row) {
  const title = appendText(element("h3", { dir: "auto" }), store.index.ids[row], 200);
  return element(
    "div",
    { className: "top2" },
    button("All samples", () => explorer.closeDetail(), { className: "btn backbtn" }),
    title,
    button("Previous", () => explorer.step(-1), { id: "previous" }),
    button("Next", () => explorer.step(1), { id: "next" }),
    button("Copy link", (node) => copyLink(row, node)),
  );
}

function facts(row, texts) {
  const rows = element("dl", { className: "kv" });
  const add = (term, content, className = "") =>
    rows.append(element("dt", { className }, term), element("dd", {}, content));
  const { name, scorers } = store.evaluation(row);
  const listed = scorers.length > 1 ? `, listed by ${oneLine(scorers[0], NAME_LENGTH)}` : "";
  add("Evaluation", oneLine(name, NAME_LENGTH) + listed);
  const slices = store.slices(row).map(([name, value]) => oneLine(`${name} ${value}`, NAME_LENGTH));
  if (slices.length > 0) add("Slices", element("bdi", {}, slices.join(" · ")));
  if (texts === null) {
    add("Input", store.index.previews[row]);
    return rows;
  }
  add("Input", textBox(texts.input, "Input"), "bx");
  if (texts.choices !== undefined) add("Choices", choices(texts.choices), "bx");
  if (texts.target !== undefined) add("Target", textBox(texts.target, "Target"), "bx");
  for (const [number, messages] of texts.prompts.entries()) add("Prompt", prompt(number, messages, texts), "fold");
  return rows;
}

function choices(texts) {
  const items = texts.map((text) => appendText(element("li", { dir: "auto" }), text));
  return element("ol", { className: "txt choices" }, ...items);
}

/** Fold the messages as sent; where models were sent different ones, say who got these. */
function prompt(number, messages, texts) {
  const asked = HEAD.models.filter((_, model) => texts.models[model]?.some((answer) => answer?.prompt === number));
  const whom = texts.prompts.length > 1 ? ` to ${asked.map((label) => oneLine(label, 40)).join(", ")}` : "";
  const size = messages.reduce((sum, [, text]) => sum + text.length, 0);
  const summary = element("summary", {}, `${plural(messages.length, "message")}${whom}, ${plural(size, "character")}`);
  const turns = messages.flatMap(([role, text]) => [
    element("h4", {}, oneLine(role, NAME_LENGTH)),
    textBox(text, `Message of ${oneLine(role, NAME_LENGTH)}`),
  ]);
  return element("details", { className: "prompt" }, summary, ...turns);
}

function modelChooser(row) {
  const chooser = element("div", { className: "pick", role: "group", ariaLabel: "Models shown" });
  const offered = HEAD.models.length <= 8 ? [...HEAD.models.keys()] : list.columns;
  for (const model of offered) {
    const toggle = () => {
      if (!detail.models.delete(model)) detail.models.add(model);
      detail.draw(row);
    };
    const ariaPressed = String(detail.models.has(model));
    chooser.append(button(oneLine(HEAD.models[model], 40), toggle, { id: `model-${model}`, ariaPressed }));
  }
  return chooser;
}

function answers(row, texts) {
  const grid = element("div", { className: "ans" });
  for (const model of [...detail.models].sort((one, other) => one - other)) {
    for (let trial = 0; trial < HEAD.trials; trial++) {
      const outcome = store.outcome(row, model, trial);
      if (outcome !== null) grid.append(answerCard(row, model, trial, texts?.models[model]?.[trial] ?? null));
    }
  }
  if (grid.childElementCount === 0) grid.append(element("p", { className: "dim" }, "None of these models was asked."));
  return grid;
}

function answerCard(row, model, trial, answer) {
  const outcome = store.outcome(row, model, trial);
  const name = element("h4", { className: "hd" });
  name.append(appendText(element("b"), HEAD.models[model], NAME_LENGTH));
  if (store.evaluation(row).trials > 1) name.append(element("span", { className: "dim" }, `trial ${trial + 1}`));
  name.append(...badges(outcome, store.value(row, model, trial), store.evaluation(row)));
  if (answer === null) return element("div", {}, name, element("p", { className: "meta" }, NOT_EMBEDDED));
  return element("div", {}, name, ...answerBody(answer), scoreTable(answer.scores), footnote(answer));
}

function answerBody(answer) {
  const parts = [];
  if (answer.failure !== undefined) {
    parts.push(appendText(element("p", { className: "failure", dir: "auto" }), answer.failure, NOTE_LENGTH));
  }
  if (answer.text !== undefined) parts.push(textBox(answer.text, "Answer"));
  else parts.push(element("p", { className: "txt dim" }, "no answer text"));
  if (answer.reasoning !== undefined) {
    const size = plural(answer.reasoning.length, "character");
    parts.push(
      element("details", {}, element("summary", {}, `Reasoning, ${size}`), textBox(answer.reasoning, "Reasoning")),
    );
  }
  return parts;
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

function footnote({ seconds, tokens, finish }) {
  const parts = [
    seconds === undefined ? "no time measured" : formatSeconds(seconds),
    tokens === undefined ? "tokens not told" : `${tokens.map(countOrDash).join(" in, ")} out`,
  ];
  if (finish !== undefined && finish !== "stop") parts.push(`ended by ${oneLine(finish, NAME_LENGTH)}`);
  return element("p", { className: "meta" }, parts.join(" · "));
}
