// The only orders that the page gives: acknowledge, shelve and unshelve. Each is confirmed, and carries the user's name.

import { post } from "./api.js";
import { ask } from "./dialog.js";
import { announce, el } from "./dom.js";
import { state } from "./format.js";
import { hurry } from "./live.js";
import { mayOperate, session } from "./session.js";

const HOURS = { 0.25: "15 minutes", 1: "1 hour", 4: "4 hours", 8: "8 hours", 24: "1 day", 168: "7 days" };

/** Ask, and acknowledge. */
export async function acknowledge(alarm) {
  if (!mayOperate()) return announce("You may only read.");
  if (!alarm.state.endsWith("_unacked")) return announce("This alarm is acknowledged already.");
  await ask("Acknowledge this alarm?", about(alarm), "Acknowledge", () => carry("ack", alarm));
}

/** Ask for how long, and shelve; or ask, and unshelve. */
export async function shelve(alarm) {
  if (!mayOperate()) return announce("You may only read.");
  if (alarm.state === "shelved") {
    await ask("Unshelve this alarm?", about(alarm), "Unshelve", () => carry("unshelve", alarm));
    return;
  }
  const body = el("div", {}, about(alarm), el("label", { for: "hours", text: "For how long" }),
    el("select", { id: "hours", name: "hours" }, Object.entries(HOURS).sort(([a], [b]) => a - b).map(([value, text]) => el("option", { value, text, selected: value === "1" }))));
  await ask("Shelve this alarm?", body, "Shelve", (data) =>
    carry("shelve", alarm, { until: new Date(Date.now() + 3600000 * Number(data.get("hours"))).toISOString() }));
}

function about(alarm) {
  return el("div", {}, el("p", { class: "quoted", text: alarm.text }), el("p", { class: "dim", text: `${alarm.severity}, ${state(alarm.state)}. The audit log will name ${session.user}.` }));
}

async function carry(order, alarm, more = {}) {
  const told = await post(`alarms/${order}`, { alarm: alarm.id, ...more });
  hurry("alarms");
  announce(`It is now ${state(told.state)}.`);
}
