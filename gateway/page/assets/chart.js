// A chart of series over time: the band from least to greatest, the mean, limits, gaps as gaps; read with pointer and keys.

import { el, mark, svg } from "./dom.js";
import { exact, number, when } from "./format.js";
import { extent, moments, ticks } from "./scale.js";

const HEIGHT = 236;
const LEFT = 62;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 26;

/**
 * Return a chart `{node, draw(series), point(time_s), stop()}`. A series is `{name, start_s, step_s, mean, min, max, q, limits}`, its arrays
 * of one length, null where there is nothing; all are of one unit. `pointed(time_s)` is called when the pointer moves.
 */
export function chart({ label, unit, pointed, from_s, to_s }) {
  let series = [], width = 0, at_s = null, span = null;
  const body = svg("g", {}), cursor = svg("g", { class: "cursor" });
  const picture = svg("svg", { class: "chart", height: HEIGHT, "aria-hidden": "true" }, body, cursor);
  const legend = el("ul", { class: "legend" });
  const frame = el("div", { class: "chartframe", role: "slider", tabindex: "0", "aria-label": `${label}: move the pointer with the arrow keys`, "aria-valuemin": from_s, "aria-valuemax": to_s, "aria-valuenow": to_s, on: { pointermove: move, pointerdown: move, keydown: keys } }, picture);
  const node = el("figure", {}, el("figcaption", {}, el("span", { class: "unitname", text: unit || "no unit" }), legend), frame);
  const sized = new ResizeObserver(() => frame.clientWidth !== width && paint());
  sized.observe(frame);

  function move(event) {
    const { left } = frame.getBoundingClientRect();
    pointed(Math.max(from_s, Math.min(to_s, span.time(event.clientX - left))));
  }

  function keys(event) {
    const step = series[0]?.step_s ?? 60;
    const now = at_s ?? to_s;
    const next = { ArrowLeft: now - step, ArrowRight: now + step, PageUp: now - 10 * step, PageDown: now + 10 * step, Home: from_s, End: to_s }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    pointed(Math.max(from_s, Math.min(to_s, next)));
  }

  function paint() {
    width = frame.clientWidth || 600;
    mark(picture, "width", width);
    const limits = series.flatMap((each) => each.limits.map(({ value }) => value));
    const [low, high] = extent(series.flatMap(({ min, max }) => [...min, ...max]), limits);
    const x = (time) => LEFT + ((time - from_s) / (to_s - from_s)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    span = { x, y, low, high, time: (px) => from_s + ((px - LEFT) / (width - LEFT - RIGHT)) * (to_s - from_s) };
    body.replaceChildren(...axes(span, width, from_s, to_s), ...series.flatMap((each, index) => curves(each, index, span)), ...lines(series, span, width));
    point(at_s);
  }

  function point(time_s) {
    at_s = time_s;
    const found = series.map((each) => readingAt(each, time_s ?? to_s));
    const x = time_s === null ? null : span.x(time_s);
    cursor.replaceChildren(...(x === null ? [] : [svg("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }),
      ...found.map((each, index) => each && svg("circle", { class: `s${index}`, cx: x, cy: span.y(each.mean), r: 3.5 })).filter(Boolean)]));
    const told = series.map((each, index) => `${each.name} ${words(found[index], unit)}`);
    legend.replaceChildren(...series.map((each, index) => el("li", {}, svg("svg", { width: 26, height: 10, class: `key s${index}`, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 26, y1: 5, y2: 5 })),
      el("strong", { text: each.name }), el("span", { class: "read", text: words(found[index], unit) }), el("span", { class: "dim", text: beyond(each, span) }))));
    mark(frame, "aria-valuenow", Math.round(time_s ?? to_s));
    mark(frame, "aria-valuetext", `${time_s === null ? "newest" : when(time_s * 1000)}: ${told.join("; ")}`);
  }

  return { node, point: (time_s) => span && point(time_s), stop: () => sized.disconnect(), draw: (next, from, to) => {
    series = next;
    from_s = from;
    to_s = to;
    mark(frame, "aria-valuemin", Math.round(from));
    mark(frame, "aria-valuemax", Math.round(to));
    paint();
  } };
}

function words(found, unit) {
  if (!found) return "no value";
  const band = found.max > found.min ? ` (${number(found.min)} to ${number(found.max)})` : "";
  return `${number(found.mean)} ${unit}${band}${found.q ? ", quality not good" : ""}`;
}

/** Return the limits that lie beyond what is drawn: those within are lines. */
function beyond({ limits }, { low, high }) {
  const far = limits.filter(({ value }) => value < low || value > high).map(({ name, value }) => `${name} ${exact(value)} ${value > high ? "above" : "below"}`);
  return far.length ? `limits out of view: ${far.join(", ")}` : "";
}

/** Return what a series says at a time; for the newest, its last value. */
function readingAt({ start_s, step_s, mean, min, max, q }, time_s) {
  let at = Math.min(Math.floor((time_s - start_s) / step_s), mean.length - 1);
  if (time_s >= start_s + mean.length * step_s - step_s) while (at > 0 && mean.length - at < 4 && mean[at] === null) at--;
  return mean[at] === null || mean[at] === undefined ? null : { mean: mean[at], min: min[at], max: max[at], q: q[at] };
}

function axes({ x, y, low, high }, width, from_s, to_s) {
  const across = ticks(low, high, 5).flatMap((value) => [svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end", text: tick(value, high - low) })]);
  const days = to_s - from_s > 86400;
  const along = moments(from_s, to_s, Math.max(2, Math.floor((width - LEFT) / 90))).flatMap((time) => [
    svg("line", { class: "grid", x1: x(time), x2: x(time), y1: TOP, y2: HEIGHT - BOTTOM }),
    svg("text", { class: "tick", x: Math.min(x(time), width - RIGHT - 16), y: HEIGHT - 8, "text-anchor": "middle", text: clock(time, days) })]);
  return [...across, ...along];
}

function tick(value, range) {
  const digits = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(range || 1))));
  return value.toFixed(digits).replace("-", "\u2212").replace(/\B(?=(\d{3})+(?!\d)(?=\.|$))/g, "\u202f");
}

function clock(time_s, days) {
  const at = new Date(time_s * 1000);
  const time = `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
  return days && time === "00:00" ? `${at.getDate()}.${at.getMonth() + 1}.` : time;
}

/** Return the band and the mean of one series; where nothing is known, the line ends and another begins. */
function curves({ start_s, step_s, mean, min, max, q }, index, { x, y }) {
  const at = (i) => x(start_s + (i + 0.5) * step_s).toFixed(1);
  const runs = [];
  let run = null;
  for (let i = 0; i < mean.length; i++) {
    if (mean[i] === null) run = null;
    else if (run) run.push(i);
    else runs.push((run = [i]));
  }
  const up = (of, i) => `${at(i)} ${y(of[i]).toFixed(1)}`;
  const band = runs.map((each) => `M${each.map((i) => up(max, i)).join("L")}L${each.toReversed().map((i) => up(min, i)).join("L")}z`).join("");
  const line = runs.map((each) => `M${each.map((i) => up(mean, i)).join("L")}${each.length === 1 ? "h1" : ""}`).join("");
  const bad = [...mean.keys()].filter((i) => q[i]).map((i) => `M${x(start_s + i * step_s).toFixed(1)} ${HEIGHT - BOTTOM + 3}H${x(start_s + (i + 1) * step_s).toFixed(1)}`).join("");
  return [svg("path", { class: `band s${index}`, d: band }), svg("path", { class: `mean s${index}`, d: line }), svg("path", { class: "badmark", d: bad })];
}

/** Return the limits that are in view; what several series share is drawn once. */
function lines(series, { y, low, high }, width) {
  const limits = new Map(series.flatMap((each) => each.limits).map((limit) => [`${limit.name} ${limit.value}`, limit]));
  return [...limits.values()].filter(({ value }) => value >= low && value <= high).flatMap(({ name, value }) => [
    svg("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { class: "limitname", x: LEFT + 6, y: y(value) - 4, text: `${name} ${exact(value)}` })]);
}
