// Text: whatever a model or a dataset wrote enters the page here, and only as text nodes.

const CONTROL = new RegExp(
  [
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad]/, // control characters but for tab and line ends
    /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/, // directions, and what has no width
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/, // half a character
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);
const SHOWN_AT_FIRST = 20000;
const MARKS_AT_MOST = 500;

const byId = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en");
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** Make an element; `properties` are DOM properties where it has them, else attributes. */
function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Make a button that calls `act` with itself. */
function button(label, act, properties = {}) {
  const node = element("button", { type: "button", className: "btn", ...properties }, label);
  node.addEventListener("click", () => act(node));
  return node;
}

/** Append untrusted text to `node`: control and direction characters become visible marks instead of acting. */
function appendText(node, text, limit = SHOWN_AT_FIRST) {
  const shown = text.length > limit ? text.slice(0, limit) : text;
  let end = 0;
  let marks = 0;
  for (const match of shown.matchAll(CONTROL)) {
    if (marks++ === MARKS_AT_MOST) break;
    node.append(shown.slice(end, match.index), controlMark(match[0]));
    end = match.index + match[0].length;
  }
  node.append(marks > MARKS_AT_MOST ? oneLine(shown.slice(end), Infinity) : shown.slice(end));
  if (shown !== text) node.append("… ", showAll(node, text));
  return node;
}

function controlMark(character) {
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return element("span", { className: "ctl" }, `U+${code}`);
}

function showAll(node, text) {
  return button(`Show all ${count(text.length)} characters`, () => {
    node.replaceChildren();
    appendText(node, text, Infinity);
  });
}

/** Shorten untrusted text to one line without any control character, for rows, options and labels. */
function oneLine(text, limit) {
  return text.slice(0, limit).replace(CONTROL, "\ufffd").replace(/\s+/g, " ");
}

/** Make a box that scrolls, isolates and wraps the text in it. */
function textBox(text, name) {
  const box = element("div", { className: "txt", dir: "auto", tabIndex: 0, role: "group", ariaLabel: name });
  return appendText(box, text);
}

function formatScore(value) {
  if (value === null) return "–";
  if (Number.isInteger(value)) return String(value);
  const rounded = value.toFixed(2);
  return rounded === "0.00" ? "<.01" : rounded === "1.00" ? ">.99" : rounded.slice(1);
}

function formatSeconds(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 9.995 ? `${seconds.toFixed(2)} s` : `${seconds.toFixed(1)} s`;
}
