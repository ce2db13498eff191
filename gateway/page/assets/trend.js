// Trends of some points: one chart for each unit, one pointer for all of them.

import { get } from "./api.js";
import { catalogue } from "./catalogue.js";
import { chart } from "./chart.js";
import { el, say } from "./dom.js";
import { span, unit, when } from "./format.js";

const HOURS = [1, 3, 6, 12, 24];
const MOST = 4;
const AGAIN_S = 10;
const SHORTEST_S = 300;
const LIMITS = { high_high: "HH", high: "H", low: "L", low_low: "LL" };

/** Fill `main`; return how to stop. */
export async function trend(main, query) {
  const view = new Trend(main, query);
  await view.fetch();
  return () => view.stop();
}

class Trend {
  constructor(main, query) {
    const asked = (query.get("points") ?? "").split(",").filter((id) => catalogue.row.has(id));
    this.ids = (asked.length ? asked : usual()).slice(0, MOST);
    this.hours = HOURS.includes(Number(query.get("hours"))) ? Number(query.get("hours")) : 3;
    this.charts = new Map();
    this.find = el("input", { type: "search", id: "find", list: "ids", placeholder: "device.point", on: { change: () => this.add() } });
    this.note = el("p", { class: "dim", role: "status" });
    this.pointer = el("p", { class: "dim pointer", text: "Newest values. Point at a chart, or focus it and press the arrow keys, to read others." });
    this.figures = el("div", { class: "figures" });
    main.append(el("section", { class: "panel wide" }, el("h2", { text: "Trend" }),
      el("div", { class: "filters" }, el("label", { for: "find", text: "Add a point" }), this.find,
        el("datalist", { id: "ids" }, catalogue.points.slice(0, 2000).map(({ id }) => el("option", { value: id }))),
        el("div", { role: "group", "aria-label": "Hours", class: "toggles" }, HOURS.map((hours) => el("a", { class: "toggle", href: this.hash(this.ids, hours), "aria-current": hours === this.hours ? "true" : null, text: `${hours} h` })))),
      el("ul", { class: "chips" }, this.ids.map((id) => el("li", {}, el("span", { text: id }), this.ids.length > 1 ? el("a", { href: this.hash(this.ids.filter((each) => each !== id), this.hours), "aria-label": `Take ${id} away`, text: "\u00d7" }) : null))),
      this.note, this.pointer, this.figures));
  }

  hash(ids, hours) {
    return `#trend?points=${ids.map(encodeURIComponent).join(",")}&hours=${hours}`;
  }

  add() {
    const id = this.find.value.trim();
    if (!catalogue.row.has(id)) say(this.note, `There is no point ${id}.`);
    else if (this.ids.includes(id)) say(this.note, `${id} is shown already.`);
    else location.hash = this.hash([...this.ids.slice(-(MOST - 1)), id], this.hours);
  }

  /** Ask for all series, draw them, and do so again later: not sooner than there is a new step. */
  async fetch() {
    const series = [];
    try {
      for (const id of this.ids) series.push(await this.series(id));
      say(this.note, series.some(({ mean }) => mean.some((value) => value !== null)) ? `Means of ${span(series[0].step_s)} with the band from least to greatest.` : "No history yet: it begins when the gateway starts.");
      this.show(series);
    } catch (error) {
      say(this.note, `The trend cannot be read: ${error.message}.`);
    }
    if (!this.stopped) this.timer = setTimeout(() => this.fetch(), 1000 * Math.max(AGAIN_S, series[0]?.step_s ?? AGAIN_S));
  }

  async series(id) {
    const told = await get(`trend?id=${encodeURIComponent(id)}&hours=${this.hours}`);
    const point = catalogue.points[catalogue.row.get(id)];
    const limits = Object.entries(LIMITS).filter(([key]) => Number.isFinite(point.limits?.[key])).map(([key, name]) => ({ name, value: point.limits[key] }));
    return { name: id, unit: told.unit, start_s: told.start ? Date.parse(told.start) / 1000 : Date.now() / 1000, step_s: told.step_s, mean: told.mean, min: told.min, max: told.max, q: told.q ?? [], limits };
  }

  show(series) {
    const to = Math.max(...series.map(({ start_s, step_s, mean }) => start_s + step_s * mean.length));
    const known = series.map(({ start_s, step_s, mean }) => start_s + step_s * Math.max(0, mean.findIndex((value) => value !== null)));
    const from = Math.max(to - 3600 * this.hours, Math.min(to - SHORTEST_S, ...known)); // a gateway that has just begun has less to show
    for (const of of new Set(series.map((each) => each.unit))) {
      if (!this.charts.has(of)) {
        const made = chart({ label: `Trend in ${of || "no unit"}`, unit: unit(of), from_s: from, to_s: to, pointed: (time_s) => this.point(time_s) });
        this.charts.set(of, made);
        this.figures.append(made.node);
      }
      this.charts.get(of).draw(series.filter((each) => each.unit === of), from, to);
    }
  }

  point(time_s) {
    say(this.pointer, `At ${when(time_s * 1000)}:`);
    for (const each of this.charts.values()) each.point(time_s);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    for (const each of this.charts.values()) each.stop();
  }
}

/** Return what is shown when nothing was asked for: the powers of the first bays, else the first point. */
function usual() {
  const powers = catalogue.points.filter(({ role }) => role?.quantity === "active_power" && (!role.phase || role.phase === "total"));
  return (powers.length ? powers.slice(0, 2) : catalogue.points.slice(0, 1)).map(({ id }) => id);
}
