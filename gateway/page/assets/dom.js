// Elements without a single piece of markup: what devices and brokers say is only ever text.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. `props`: `class`, `text`, `on` (event to listener), anything else is an attribute; null is left out. */
export function el(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** Return an SVG element, likewise. */
export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set the text of `node` if it is another one: what did not change costs no layout. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or remove an attribute if it is another one. */
export function mark(node, name, value) {
  if (value === null || value === false || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Tell a screen reader, once. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}

/** Return a panel with a heading. */
export function panel(title, props, ...children) {
  return el("section", { ...props, class: `panel ${props.class ?? ""}` }, el("h2", { text: title }), children);
}

/** Return a table that a keyboard can scroll. `head` words that begin with > stand right, with ~ are long; a cell is text, an element, or an array of both. */
export function table(label, head, rows) {
  const kind = head.map((word) => ({ ">": "n", "~": "long" })[word[0]]);
  const cell = (tag, content, column) => el(tag, { class: kind[column], scope: tag === "th" ? "col" : null }, content);
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((word, column) => cell("th", word.replace(/^[>~]/, ""), column)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((content, column) => cell("td", content, column)))))));
}

/** Move the focus among `items` with the arrow keys, Home and End; return whether the key was one of them. */
export function arrows(event, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined || !items.length) return false;
  event.preventDefault();
  items[Math.max(0, Math.min(items.length - 1, to))].focus();
  return true;
}
