// One bay of the one-line diagram, and one transformer: lines, a breaker, which way power flows, and readings.

import { breaker, catalogue, qualityOf, valueOf } from "./catalogue.js";
import { mark, say, svg } from "./dom.js";
import { symbol, unit } from "./format.js";
import { draw, worst } from "./severity.js";

/** Below this share of its rating a power has no direction worth an arrow. */
const STANDS_STILL = 0.002;
export const ROW = 17;
const ORDER = ["active_power", "reactive_power", "current", "voltage", "apparent_power", "tap", "oil_temperature",
  "winding_temperature", "frequency", "power_factor"];
const WORDS = { open: "open", closed: "closed", unknown: "unknown", differ: "differ" };

/** Return the readings to show of `values`, at most `most`: power first, the phases of a quantity together. */
export function chosen(values, most) {
  const shown = values.filter(({ quantity, phase }) => ORDER.includes(quantity) && !(quantity === "current" && phase === "n"));
  return shown.sort((a, b) => ORDER.indexOf(a.quantity) - ORDER.indexOf(b.quantity) || a.row - b.row).slice(0, most);
}

/** Return a breaker at x, y: filled when closed, hollow when open, dashed with a question mark when nobody knows. */
export function breakerSign(x, y, rows, name, side = "end") {
  const box = svg("rect", { class: "breaker", x: x - 8, y: y - 8, width: 16, height: 16 });
  const letter = svg("text", { class: "inside", x, y: y + 5, "text-anchor": "middle" });
  const left = side === "end";
  const word = svg("text", { class: "word", x: side === "below" ? x : x + (left ? 14 : -14), y: y + (side === "below" ? 25 : 4),
    "text-anchor": side === "below" ? "middle" : left ? "start" : "end" });
  const node = svg("g", { class: "switch", role: "img" }, box, letter, word);
  const update = () => {
    const states = new Set(rows.map(breaker));
    const now = states.size === 1 ? [...states][0] : "differ";
    mark(node, "data-now", now);
    say(letter, { open: "", closed: "" }[now] ?? "?");
    say(word, WORDS[now]);
    mark(node, "aria-label", `${name} ${now === "differ" ? "unknown: its contacts say different things" : now}`);
  };
  return { node, update };
}

/** Return a reading at y: its name at `left`, its number to the left of `right`, then unit and the letter of a bad quality. */
export function reading(left, right, y, { row, quantity, phase }) {
  const point = catalogue.points[row];
  const value = svg("tspan", {});
  const sign = svg("text", { class: "flag", x: right + 42, y });
  const title = svg("title", {});
  const node = svg("a", { class: "reading", href: `#trend?points=${encodeURIComponent(point.id)}`, tabindex: "-1" }, title,
    svg("text", { class: "label", x: left, y, text: symbol(quantity, phase) }),
    svg("text", { class: "value", x: right, y, "text-anchor": "end" }, value),
    svg("text", { class: "unit", x: right + 5, y, text: unit(point.unit) }), sign);
  const update = () => {
    const known = qualityOf(row);
    say(value, valueOf(row));
    say(sign, known.sign);
    say(title, `${point.id}: ${known.why}`);
    mark(node, "data-quality", known.word);
  };
  return { node, update };
}

/** Return an arrow at x, y. `into` is whether positive power flows into the bus, `above` whether the bus lies above. */
export function arrow(x, y, { row, into }, above) {
  const path = svg("path", { class: "flow" });
  const node = svg("g", { role: "img" }, path);
  const rating = catalogue.points[row].role?.rating ?? 0;
  const update = () => {
    const value = catalogue.values[row];
    const known = ["good", "suspect"].includes(qualityOf(row).word) && Number.isFinite(value);
    const still = !known || value === 0 || Math.abs(value) <= STANDS_STILL * rating;
    const inward = value > 0 === into;
    const up = inward === above;
    mark(path, "d", still ? `M${x - 5} ${y}h10` : `M${x - 7} ${y + (up ? 6 : -6)}h14l-7 ${up ? -13 : 13}z`);
    mark(node, "aria-label", !known ? "power flow unknown" : still ? "no power flows" : `power flows ${inward ? "into" : "out of"} the bus`);
  };
  return { node, update };
}

/** Return the name of a bay, a link, with the sign of its worst alarm at `place`. `devices` are where its points are read. */
export function nameOf(x, y, name, anchor, devices, place) {
  const shape = svg("svg", { class: "sign", ...place, width: 20, height: 20, viewBox: "0 0 20 20" });
  const text = svg("text", { class: "name", x, y, "text-anchor": anchor, text: name.length > 14 ? `${name.slice(0, 13)}\u2026` : name });
  const node = svg("a", { class: "bayname", href: `#points?find=${encodeURIComponent(devices[0] ?? name)}` },
    svg("title", { text: name }), text, shape);
  const alarmed = (alarms) => {
    const now = worst(alarms.filter((alarm) => devices.includes(alarm.device) && alarm.active !== false && told(alarm)).map((alarm) => alarm.severity));
    mark(shape, "display", now ? null : "none");
    if (now) draw(shape, now);
    mark(node, "href", now ? `#alarms?find=${encodeURIComponent(devices[0])}` : `#points?find=${encodeURIComponent(devices[0] ?? name)}`);
    mark(node, "aria-label", now ? `${name}, worst alarm ${now}` : name);
  };
  return { node, alarmed };
}

const told = (alarm) => !["shelved", "suppressed", "normal", "returned_unacked"].includes(alarm.state);

/** Return the devices that the points of `rows` are read from. */
export function devicesOf(rows) {
  return [...new Set(rows.map((row) => catalogue.points[row].device))];
}

/** Return the power that tells which way it flows, null where none is measured; `feeds` is what stands there without a direction. */
export function flowOf(values, feeds) {
  const found = values.find(({ quantity, phase }) => quantity === "active_power" && (!phase || phase === "total"));
  if (!found) return null;
  const direction = catalogue.points[found.row].role?.direction;
  return { row: found.row, into: direction ? direction === "in" : feeds };
}
