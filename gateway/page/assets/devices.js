// Devices and the lines they are reached by: who answers, how fast, how often not, and how busy a line is.

import { el, panel, table } from "./dom.js";
import { count, percent } from "./format.js";
import { watch } from "./live.js";

const NAMED = 6;
/** From one unanswered scan in a hundred on, and from 80 % busy on, it is marked: as `gridsentinel status` does. */
const ERRORS = 0.01;
const BUSY = 0.8;

/** Fill `main`; return how to stop. */
export async function devices(main) {
  const [first, second] = [el("div"), el("div")];
  main.append(panel("Devices", { class: "wide" }, first), panel("Lines", { class: "wide" }, second));
  return watch("status", (told) => {
    if (!told) return;
    keep(first, () => table("Devices", ["device", "link", ">answer ms", ">unanswered", ">scans", ">skipped"], Object.entries(told.devices).map(row)));
    keep(second, () => table("Lines", ["line", "link", ">busy", "", "~devices"], told.lines.map(line)));
  });
}

function row([name, { online, polls, timeouts, skipped, answer_ms }]) {
  const asked = polls + timeouts;
  const errors = asked ? timeouts / asked : 0;
  return [el("a", { href: `#points?find=${encodeURIComponent(name)}`, text: name }), word(online, "answers", "silent"), polls ? answer_ms.toFixed(1) : "",
    asked ? warned(percent(errors, 2), errors >= ERRORS) : "", count(polls), warned(count(skipped), skipped > 0)];
}

function line({ line: name, connected, busy, devices: on }) {
  const more = on.length - NAMED;
  return [el("code", { text: name }), word(connected, "open", "closed"), warned(percent(busy), busy >= BUSY),
    el("meter", { value: busy, max: 1, high: BUSY, "aria-label": `${name} busy` }), on.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "")];
}

/** Return a word that is marked where something is wrong. */
export function word(good, yes, no) {
  return good ? yes : el("span", { class: "wrong", text: `\u25a0 ${no}` });
}

/** Return a text that is marked where it should be looked at. */
export function warned(text, wrong) {
  return wrong ? el("span", { class: "warned", text: `\u25b2 ${text}` }) : text;
}

/** Draw `node` anew with what `make()` returns, unless it looks the same; where it was scrolled to, and the focus, stay. */
export function keep(node, make) {
  const made = make();
  const old = node.firstElementChild;
  if (old && old.isEqualNode(made)) return;
  const focused = [...node.querySelectorAll("a, button, .scroll")].indexOf(document.activeElement);
  const { scrollTop = 0, scrollLeft = 0 } = old ?? {};
  node.replaceChildren(made);
  Object.assign(made, { scrollTop, scrollLeft });
  if (focused >= 0) [...node.querySelectorAll("a, button, .scroll")][focused]?.focus({ preventScroll: true });
}
