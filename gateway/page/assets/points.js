// All points, however many: only the rows in view exist.

import { get } from "./api.js";
import { catalogue, qualityOf, valueOf, watchValues } from "./catalogue.js";
import { tell } from "./dialog.js";
import { el, mark, say } from "./dom.js";
import { number, span, symbol, unit, when } from "./format.js";

const ROW_PX = 30;
const SPARE = 8;
const KINDS = { all: "all qualities", bad: "bad or unread", old: "old", suspect: "suspect", good: "good" };

/** Fill `main`; return how to stop. */
export async function points(main, query) {
  const list = new Points(query);
  main.append(list.node);
  list.filter();
  const stop = watchValues(() => list.update());
  return () => (stop(), list.sized.disconnect());
}

class Points {
  constructor(query) {
    this.rows = [];
    this.lines = new Map();
    this.chosen = 0;
    this.find = el("input", { type: "search", id: "find", placeholder: "device, point, quantity, unit", value: query.get("find") ?? "", on: { input: () => this.filter() } });
    this.kind = el("select", { id: "kind", on: { change: () => this.filter() } }, Object.entries(KINDS).map(([value, text]) => el("option", { value, text })));
    this.summary = el("p", { class: "dim", role: "status" });
    this.space = el("div", { class: "space", role: "presentation" });
    const head = el("div", { class: "line head", role: "row" }, ["point", "what", "value", "unit", "quality", "age"].map((word) => el("span", { role: "columnheader", class: word, text: word })));
    this.window = el("div", { class: "window", tabindex: "0", role: "rowgroup", on: { scroll: () => this.place(), keydown: (event) => this.key(event) } }, head, this.space);
    this.table = el("div", { class: "points", role: "table", "aria-label": "Points" }, this.window);
    this.node = el("section", { class: "panel wide" }, el("h2", { text: "Points" }),
      el("div", { class: "filters" }, el("label", { for: "find", text: "Search" }), this.find, el("label", { for: "kind", text: "Quality" }), this.kind),
      this.summary, this.table);
    this.sized = new ResizeObserver(() => this.place());
    this.sized.observe(this.window);
  }

  /** Choose the rows that fit search and quality. */
  filter() {
    const words = this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = ({ id, unit: of, role }) => `${id} ${of} ${role?.quantity ?? ""} ${role?.bay ?? ""} ${role?.bus ?? ""}`.toLowerCase();
    const fits = (row) => {
      const { word } = qualityOf(row);
      return this.kind.value === "all" || word === this.kind.value || (this.kind.value === "bad" && word === "unread");
    };
    this.rows = [...catalogue.points.keys()].filter((row) => words.every((word) => text(catalogue.points[row]).includes(word)) && fits(row));
    this.chosen = Math.min(this.chosen, Math.max(this.rows.length - 1, 0));
    say(this.summary, `${this.rows.length} of ${catalogue.points.length} points. Enter explains the chosen one.`);
    mark(this.table, "aria-rowcount", this.rows.length + 1);
    this.space.style.height = `${this.rows.length * ROW_PX}px`;
    for (const line of this.lines.values()) line.node.remove();
    this.lines.clear();
    this.place();
  }

  /** Make the lines that are in view, let go of the others. */
  place() {
    const first = Math.max(0, Math.floor(this.window.scrollTop / ROW_PX) - SPARE);
    const last = Math.min(this.rows.length, Math.ceil((this.window.scrollTop + this.window.clientHeight) / ROW_PX) + SPARE);
    for (const [at, line] of this.lines) if (at < first || at >= last) line.node.remove(), this.lines.delete(at);
    for (let at = first; at < last; at++) {
      if (this.lines.has(at)) continue;
      const line = new Line(this.rows[at], at, () => this.choose(at), () => explain(this.rows[at]));
      this.lines.set(at, line);
      this.space.append(line.node);
      line.update();
    }
    this.light();
  }

  update() {
    if (this.kind.value !== "all" && !this.window.contains(document.activeElement)) this.filter();
    else for (const line of this.lines.values()) line.update();
  }

  choose(at) {
    this.chosen = at;
    this.light();
  }

  light() {
    for (const [at, line] of this.lines) mark(line.node, "aria-selected", at === this.chosen ? "true" : null), mark(line.node, "data-chosen", at === this.chosen);
    mark(this.window, "aria-label", this.rows.length ? `Points, ${catalogue.points[this.rows[this.chosen]].id} chosen` : "Points, none");
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.window.clientHeight / ROW_PX) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Enter" && this.rows.length && event.target === this.window) explain(this.rows[this.chosen]);
    if (step === undefined || !this.rows.length) return;
    event.preventDefault();
    this.choose(Math.max(0, Math.min(this.rows.length - 1, this.chosen + step)));
    const top = this.chosen * ROW_PX;
    if (top < this.window.scrollTop) this.window.scrollTop = top;
    else if (top + 2 * ROW_PX > this.window.scrollTop + this.window.clientHeight) this.window.scrollTop = top + 2 * ROW_PX - this.window.clientHeight; // the head stays above
    this.place();
  }
}

/** One point on its line. */
class Line {
  constructor(row, at, chosen, opened) {
    const point = catalogue.points[row];
    this.row = row;
    const cell = (name, text = "") => el("span", { class: name, role: "cell", text });
    [this.value, this.quality, this.age] = [cell("value"), cell("quality"), cell("age")];
    this.node = el("div", { class: "line", role: "row", "aria-rowindex": at + 2, on: { click: () => (chosen(), opened()) } },
      cell("point", point.id), cell("what", symbol(point.role?.quantity, point.role?.phase)), this.value, cell("unit", unit(point.unit)), this.quality, this.age);
    this.node.style.top = `${at * ROW_PX}px`;
  }

  update() {
    const known = qualityOf(this.row);
    say(this.value, valueOf(this.row));
    say(this.quality, known.sign ? `${known.sign} ${known.word === "good" ? "" : known.why}` : "good");
    say(this.age, span(catalogue.age_s[this.row] ?? NaN));
    mark(this.node, "data-quality", known.word);
  }
}

/** Show everything that is known of a point: where it is read, and the octets. */
export async function explain(row) {
  const point = catalogue.points[row];
  const told = await get(`point?id=${encodeURIComponent(point.id)}`);
  const set = (of) => Object.entries(of ?? {}).filter(([, value]) => value !== null && value !== 0 && value !== "").map(([key, value]) => `${key.replaceAll("_", " ")} ${value}`).join(", ") || "none";
  const pairs = [
    ["value", `${number(told.value)} ${unit(told.unit)}`], ["quality", told.quality.join(", ") || "good"], ["age", span(told.age_s ?? NaN)],
    ["its own time", told.time ? when(told.time, { date: true }) : "the device tells none"],
    ...Object.entries(told.read ?? {}).map(([key, value]) => [key === "value" ? "read from" : key, String(value)]),
    ["limits", set(point.limits)], ["role", set(point.role)], ["use", point.use ?? "input"]];
  tell(point.id, el("div", {},
    el("dl", { class: "facts" }, pairs.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })])),
    told.alarms.length ? el("ul", {}, told.alarms.map((alarm) => el("li", { text: `${alarm.severity}: ${alarm.text}` }))) : null,
    el("p", {}, el("a", { href: `#trend?points=${encodeURIComponent(point.id)}`, text: "Trend", on: { click: (event) => event.target.closest("dialog").close() } }))));
}
