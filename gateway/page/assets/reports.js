// What the checks report: assets and their health, forecasts of loads, and days.

import { chart } from "./chart.js";
import { keep, warned } from "./devices.js";
import { el, panel, table } from "./dom.js";
import { count, number, percent, unit, when } from "./format.js";
import { watch } from "./live.js";

const POOR = 70;

/** Fill `main`; return how to stop. */
export async function reports(main) {
  const [assets, days] = [el("div"), el("div")];
  const forecast = new Forecast();
  main.append(panel("Assets", { class: "wide" }, assets), panel("Forecast, 48 hours", { class: "wide" }, forecast.node), panel("Days", { class: "wide" }, days));
  const none = (fault) => el("p", { text: fault || "Nothing is reported yet." });
  const stops = [
    watch("assets", (told, fault) => keep(assets, () => told?.reports.length ? tellAssets(told.reports) : none(fault))),
    watch("forecast", (told, fault) => forecast.told(told?.reports ?? [], fault)),
    watch("days", (told, fault) => keep(days, () => told?.reports.length ? tellDays(told.reports) : none(fault)))];
  return () => (stops.forEach((stop) => stop()), forecast.stop());
}

function tellAssets(every) {
  const sorted = [...every].sort((a, b) => (a.body.health ?? 101) - (b.body.health ?? 101));
  return table("Assets", ["asset", "aspect", ">health", "", ">fails in 30 d", "reaches its limit", "~what weighs on it", "~what to do"], sorted.map(({ body }) => [
    body.asset, String(body.aspect).replaceAll("_", " "), warned(count(body.health), body.health < POOR),
    el("meter", { value: body.health ?? 0, max: 100, low: POOR, optimum: 100, "aria-label": `Health of ${body.asset} ${body.aspect}` }),
    Number.isFinite(body.failure_30d) ? percent(body.failure_30d, 2) : "", body.limit_date ? String(body.limit_date).slice(0, 10) : "not in sight",
    (body.risk_factors ?? []).map((each) => (typeof each === "string" ? each : Object.values(each).join(" "))).join("; ") || "nothing", body.advice || "nothing"]));
}

function tellDays(every) {
  const sum = (of) => Object.values(of).reduce((all, each) => all + each, 0);
  const sorted = [...every].sort((a, b) => b.body.date.localeCompare(a.body.date) || a.subject.localeCompare(b.subject));
  const peak = (of) => (of ? `${number(of.value)} at ${when(of.start).slice(-8, -3)}` : "\u2013");
  return table("Days", ["day", "bay", ">peak", ">mean", ">energy", "unit", ">load factor", ">known", ">U outside", ">interruptions", ">alarms"], sorted.map(({ subject, body }) => [
    body.date + (body.complete ? "" : ", so far"), subject, peak(body.peak), number(body.mean), number(body.energy), body.unit ? `${body.unit}, ${body.unit}h` : "", number(body.load_factor), percent(body.known_share, 0),
    `${body.voltage.en50160_10_percent} of ${body.voltage.intervals}`, warned(String(body.interruptions.count), body.interruptions.count > 0), String(sum(body.alarms))]));
}

/** One load at a time: the median and the band in which eight of ten hours shall lie. */
class Forecast {
  constructor() {
    this.pick = el("select", { id: "load", on: { change: () => this.show() } });
    this.note = el("p", { class: "dim" });
    this.place = el("div");
    this.node = el("div", {}, el("div", { class: "filters" }, el("label", { for: "load", text: "Load" }), this.pick), this.note, this.place);
    this.every = [];
  }

  told(every, fault) {
    this.every = every;
    const names = every.map(({ subject }) => subject);
    if (names.join() !== this.names) {
      this.names = names.join();
      this.pick.replaceChildren(...names.map((text) => el("option", { text })));
    }
    this.pick.parentElement.hidden = !names.length;
    if (names.length) this.show();
    else keep(this.place, () => el("p", { text: fault || "No load is forecast yet: the first forecast comes with the first full hour." }));
  }

  show() {
    const { body } = this.every[Math.max(0, this.pick.selectedIndex)];
    if (JSON.stringify(body) === this.key) return;
    this.key = JSON.stringify(body);
    this.stop();
    const start_s = Date.parse(body.start) / 1000;
    const end_s = start_s + body.step_s * body.p50.length;
    this.chart = chart({ label: "Forecast", unit: unit(body.unit), from_s: start_s, to_s: end_s, pointed: (time_s) => this.chart.point(time_s) });
    this.place.replaceChildren(this.chart.node);
    this.chart.draw([{ name: "p50, and p10 to p90", start_s, step_s: body.step_s, mean: body.p50, min: body.p10, max: body.p90, q: [], limits: [] }], start_s, end_s);
    const error = body.error_percent ?? {};
    this.note.textContent = `Method ${body.method}; mean error ${number(error.next)} % an hour ahead, ${number(error.day)} % a day ahead; ${Number.isFinite(body.covered) ? percent(body.covered, 0) : "\u2013"} of what came lay in the band (80 % is right).`;
  }

  stop() {
    this.chart?.stop();
  }
}
