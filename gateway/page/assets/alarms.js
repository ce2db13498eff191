// The alarm list, in the order of ISA-18.2 that the gateway gives it; acknowledge and shelve for who may.

import { get } from "./api.js";
import { details } from "./alarm.js";
import { acknowledge, shelve } from "./orders.js";
import { announce, arrows, el, mark, say } from "./dom.js";
import { count, state, times, when } from "./format.js";
import { watch } from "./live.js";
import { draw, SEVERITIES, sign } from "./severity.js";

const STATES = {
  all: ["all states", () => true],
  waiting: ["to acknowledge", (alarm) => alarm.state.endsWith("_unacked")],
  active: ["active", (alarm) => alarm.state.startsWith("active_")],
  shelved: ["shelved", (alarm) => alarm.state === "shelved"],
  suppressed: ["suppressed", (alarm) => alarm.state === "suppressed"],
};
const INCIDENTS_SHOWN = 5;

/** Fill `main`; return how to stop. */
export async function alarms(main, query) {
  const list = new List(query);
  main.append(list.node);
  const stops = [watch("alarms", (told) => told && list.told(told)), watch("incidents", (told) => told && list.incidents(told.incidents))];
  return () => stops.forEach((stop) => stop());
}

class List {
  constructor(query) {
    this.rows = new Map();
    this.every = [];
    this.more = [];
    this.off = new Set();
    this.find = el("input", { type: "search", id: "find", placeholder: "device, text, incident", value: query.get("find") ?? "", on: { input: () => this.show() } });
    this.state = el("select", { id: "which", on: { change: () => this.show() } },
      Object.entries(STATES).map(([word, [text]]) => el("option", { value: word, text, selected: word === query.get("state") })));
    this.summary = el("p", { class: "dim", role: "status" });
    this.list = el("ol", { class: "alarms", on: { keydown: (event) => this.key(event) } });
    this.rest = el("p", {});
    this.groups = el("div", { class: "incidents" });
    this.node = el("section", { class: "panel wide" }, el("h2", { text: "Alarms" }), this.filters(), this.groups, this.summary, el("div", { class: "row head", "aria-hidden": "true" }, ["", "severity", "state", "last change", "what", "", ""].map((text) => el("span", { text }))), this.list, this.rest);
  }

  filters() {
    const toggle = (severity) => {
      const button = el("button", { type: "button", class: "toggle", "aria-pressed": "true", on: { click: () => {
        this.off[this.off.has(severity) ? "delete" : "add"](severity);
        mark(button, "aria-pressed", String(!this.off.has(severity)));
        this.show();
      } } }, sign(severity, { size: 16 }), el("span", { text: severity }));
      return button;
    };
    return el("div", { class: "filters" },
      el("label", { for: "find", text: "Search" }), this.find,
      el("label", { for: "which", text: "State" }), this.state,
      el("div", { role: "group", "aria-label": "Severities shown", class: "toggles" }, SEVERITIES.map(toggle)));
  }

  /** Take a new answer; what was fetched beyond its first page is kept until the next. */
  told({ alarms: first, count: all }) {
    const known = new Set(first.map(({ id }) => id));
    this.more = all > first.length ? this.more.filter(({ id }) => !known.has(id)) : [];
    this.every = [...first, ...this.more];
    this.all = all;
    this.show();
  }

  async fetchMore() {
    const { alarms: next } = await get(`alarms?after=${this.every.length}`);
    this.more.push(...next);
    this.told({ alarms: this.every.slice(0, this.every.length - this.more.length + next.length), count: this.all });
  }

  shown() {
    const words = this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const [, fits] = STATES[this.state.value];
    const text = (alarm) => [alarm.id, alarm.text, alarm.device, alarm.incident, alarm.kind, alarm.severity].join(" ").toLowerCase();
    return this.every.filter((alarm) => !this.off.has(alarm.severity) && fits(alarm) && words.every((word) => text(alarm).includes(word)));
  }

  show() {
    const shown = this.shown();
    const rows = shown.map((alarm) => {
      const row = this.rows.get(alarm.id) ?? new Row(alarm.id);
      this.rows.set(alarm.id, row);
      row.told(alarm);
      return row.node;
    });
    const now = new Set(shown.map(({ id }) => id));
    for (const id of this.rows.keys()) if (!now.has(id)) this.rows.delete(id);
    this.place(rows);
    const hidden = this.every.length - shown.length;
    say(this.summary, `${count(this.all ?? 0)} ${this.all === 1 ? "alarm" : "alarms"}${hidden ? `, ${hidden} of them not shown by the filters` : ""}`);
    const missing = (this.all ?? 0) - this.every.length;
    if (this.rest.childElementCount !== Number(missing > 0))
      this.rest.replaceChildren(...(missing > 0 ? [el("button", { type: "button", text: "Show more", on: { click: () => this.fetchMore() } })] : []));
  }

  /** Bring the rows into order, touching only what moved: the focus stays where it is. */
  place(rows) {
    const keep = new Set(rows);
    for (const node of [...this.list.children]) if (!keep.has(node)) node.remove();
    const held = document.activeElement;
    for (const [at, node] of rows.entries()) if (this.list.children[at] !== node) this.list.insertBefore(node, this.list.children[at] ?? null);
    if (held !== document.activeElement && held?.isConnected) held.focus({ preventScroll: true });
  }

  incidents(every) {
    const shown = every.filter(({ active }) => active).slice(0, INCIDENTS_SHOWN);
    const key = JSON.stringify(shown);
    if (key === this.groups.dataset.told) return;
    this.groups.dataset.told = key;
    const pick = (id) => {
      this.find.value = this.find.value === id ? "" : id;
      this.show();
      announce(this.summary.textContent);
    };
    this.groups.replaceChildren(...(shown.length ? [el("h3", { text: "Incidents" }), el("ul", {}, shown.map((each) => el("li", {}, sign(each.severity, { size: 16 }),
      el("button", { type: "button", class: "plain", on: { click: () => pick(each.id) } },
        el("strong", { text: each.priority }), ` ${each.active} of ${each.count} active, since ${when(each.first)}: ${each.text}`))))] : []));
  }

  key(event) {
    const row = [...this.rows.values()].find(({ node }) => node.contains(document.activeElement));
    if (arrows(event, [...this.list.querySelectorAll("button.row")]) || !row || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "a") acknowledge(row.alarm);
    else if (event.key === "s") shelve(row.alarm);
  }
}

/** One alarm: a line that opens. */
class Row {
  constructor(id) {
    this.sign = sign("info");
    [this.severity, this.now, this.last, this.text, this.tags, this.times] = ["severity", "now", "last", "text", "tags", "times"].map((name) => el("span", { class: name }));
    this.more = el("div", { class: "more", hidden: true, id: `more-${encodeURIComponent(id)}` });
    this.button = el("button", { type: "button", class: "row", "aria-expanded": "false", "aria-controls": this.more.id, on: { click: () => this.toggle() } },
      this.sign, this.severity, this.now, this.last, this.text, this.tags, this.times);
    this.node = el("li", {}, this.button, this.more);
  }

  told(alarm) {
    const key = JSON.stringify(alarm);
    if (key === this.key) return;
    Object.assign(this, { key, alarm });
    draw(this.sign, alarm.severity);
    this.sign.classList.toggle("outline", !alarm.state.endsWith("_unacked"));
    mark(this.node, "data-state", alarm.state);
    say(this.severity, alarm.severity);
    say(this.now, state(alarm.state));
    say(this.tags, ["first_out", "chattering", "withheld"].filter((word) => alarm[word]).map((word) => word.replace("_", "-")).join(", "));
    say(this.last, when(alarm.last));
    say(this.text, alarm.text);
    say(this.times, alarm.count > 1 ? times(alarm.count) : "");
    if (!this.more.hidden) this.open();
  }

  open() {
    const held = this.more.contains(document.activeElement) ? document.activeElement.dataset.order : null;
    this.more.replaceChildren(details(this.alarm));
    if (held) this.more.querySelector(`[data-order="${held}"]`)?.focus();
  }

  toggle() {
    this.more.hidden = !this.more.hidden;
    mark(this.button, "aria-expanded", String(!this.more.hidden));
    if (this.more.hidden) this.more.replaceChildren();
    else this.open();
  }
}
