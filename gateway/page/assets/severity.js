// The signs of severities: a shape and a letter each, so that nothing depends on a colour. Filled: not acknowledged.

import { el, svg } from "./dom.js";

export const SEVERITIES = ["emergency", "critical", "warning", "info"];

const SHAPES = {
  emergency: "M6 1h8l5 5v8l-5 5H6l-5-5V6z",
  critical: "M2 2h16v16H2z",
  warning: "M10 1l9.5 17.5H.5z",
  info: "M10 1a9 9 0 1 1 0 18a9 9 0 1 1 0-18z",
};
const LETTERS = { emergency: "E", critical: "C", warning: "W", info: "I" };

/** Return the sign as an SVG of its own; `open` is drawn as an outline: acknowledged, or said no more. */
export function sign(severity, { open = false, size = 20 } = {}) {
  const node = svg("svg", { class: `sign ${open ? "outline" : ""}`, width: size, height: size, viewBox: "0 0 20 20", "aria-hidden": "true" });
  return draw(node, severity);
}

/** Draw the sign of `severity` into `node`, in place of what was there. */
export function draw(node, severity) {
  if (node.dataset.severity === severity) return node;
  node.dataset.severity = severity;
  node.replaceChildren(
    svg("path", { d: SHAPES[severity] ?? SHAPES.info }),
    svg("text", { x: 10, y: severity === "warning" ? 16 : 14.5, "text-anchor": "middle", text: LETTERS[severity] ?? "?" }));
  return node;
}

/** Return the sign with how many there are, for a head: nothing where there are none. */
export function tally(severity, count) {
  return count ? el("span", { class: "tally" }, sign(severity, { size: 18 }), el("span", { text: String(count) }),
    el("span", { class: "unseen", text: ` ${severity}` })) : null;
}

/** Return the worst of some severities, or null. */
export function worst(severities) {
  return SEVERITIES.find((each) => severities.includes(each)) ?? null;
}
