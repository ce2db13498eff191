// Everything that is known of one alarm, and what may be done about it.

import { el } from "./dom.js";
import { number, state, times, when } from "./format.js";
import { acknowledge, shelve } from "./orders.js";
import { mayOperate } from "./session.js";

/** Return it. */
export function details(alarm) {
  const points = (alarm.points ?? []).map((name) => (name.includes(".") ? name : `${alarm.device}.${name}`));
  return el("div", { class: "details" },
    alarm.advice ? el("p", { class: "advice" }, el("strong", { text: "What to do: " }), alarm.advice) : null,
    alarm.causes?.length ? el("div", {}, el("h3", { text: "Likely causes" }), el("ul", {}, alarm.causes.map((text) => el("li", { text })))) : null,
    el("dl", { class: "facts" }, facts(alarm).flatMap(([name, value]) => [el("dt", { text: name }), el("dd", {}, value)])),
    points.length ? el("p", {}, "Points: ", points.slice(0, 8).flatMap((id, at) => [at ? ", " : "", el("a", { href: `#trend?points=${encodeURIComponent(id)}`, text: id })]),
      points.length > 8 ? ` and ${points.length - 8} more` : "") : null,
    orders(alarm));
}

function facts(alarm) {
  const { evidence = {} } = alarm;
  const files = [evidence.files].flat().filter((name) => typeof name === "string");
  return [
    ["id", alarm.id],
    ["state", state(alarm.state) + (alarm.by ? ` (by ${alarm.by})` : "")],
    ["first, last", `${when(alarm.first, { date: true })}, ${when(alarm.last, { date: true })}`],
    ["came", times(alarm.count)],
    Number.isFinite(alarm.value) ? ["value", number(alarm.value) + (Number.isFinite(alarm.expected) ? `, expected ${number(alarm.expected)}` : "")] : null,
    alarm.detector ? ["check", `${alarm.detector}, ${alarm.kind}`] : null,
    alarm.technique ? ["technique", `${alarm.technique} (MITRE ATT&CK for ICS)`] : null,
    alarm.shelved_until ? ["shelved until", when(alarm.shelved_until, { date: true })] : null,
    alarm.suppressed_by ? ["suppressed by", el("a", { href: `#alarms?find=${encodeURIComponent(alarm.suppressed_by)}`, text: alarm.suppressed_by })] : null,
    alarm.incident ? ["incident", el("a", { href: `#alarms?find=${encodeURIComponent(alarm.incident)}`, text: alarm.incident })] : null,
    files.length ? ["evidence", el("code", { text: files.join(" ") })] : null,
  ].filter(Boolean);
}

function orders(alarm) {
  if (!mayOperate()) return el("p", { class: "dim", text: "You may only read: to acknowledge or shelve, a user needs `may: operate` in the gateway's configuration." });
  const order = (word, text, act) => el("button", { type: "button", "data-order": word, text, on: { click: () => act(alarm) } });
  return el("p", { class: "buttons" },
    alarm.state.endsWith("_unacked") ? order("ack", "Acknowledge", acknowledge) : null,
    alarm.state === "shelved" ? order("shelve", "Unshelve", shelve) : order("shelve", "Shelve", shelve));
}
