// Detail: one sample in full, with what every chosen model answered and how it was scored.

const NAME_LENGTH = 80;
const FACTS_LENGTH = 300;

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
  if (texts.images !== undefined) add("Images", pictures(texts.images), "bx");
  if (texts.choices !== undefined) add("Choices", choices(texts.choices), "bx");
  if (texts.target !== undefined) add("Target", textBox(texts.target, "Target"), "bx");
  for (const [number, messages] of texts.prompts.entries()) add("Prompt", prompt(number, messages, texts), "fold");
  return rows;
}

function choices(texts) {
  const items = texts.map((text) => appendText(element("li", { dir: "auto" }), text));
  return element("ol", { className: "txt choices" }, ...items);
}

/** Show the images that are inside the page, and of every other its facts: nothing is fetched. */
function pictures(images) {
  const figures = images.map(({ name, facts, source }, place) => {
    const alt = `Image ${place + 1}${name === "" ? "" : `: ${oneLine(name, NAME_LENGTH)}`}`;
    const isInside = source?.startsWith("data:image/") === true;
    const picture = isInside ? element("img", { src: source, alt }) : null;
    return element("figure", {}, picture, appendText(element("figcaption", { dir: "auto" }), facts, FACTS_LENGTH));
  });
  return element("div", { className: "pics" }, ...figures);
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
