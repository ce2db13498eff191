// Store and uplink: what waits, how long the disk lasts, what has arrived, and what was lost.

import { keep, warned, word } from "./devices.js";
import { el, panel, table } from "./dom.js";
import { bytes, count, percent, span, when } from "./format.js";
import { watch } from "./live.js";

/** Fill `main`; return how to stop. */
export async function delivery(main) {
  const [store, uplink, ledger, lost] = [el("div"), el("div"), el("div"), el("div")];
  main.append(el("div", { class: "columns two" }, panel("Store", {}, store), panel("Uplink", {}, uplink)),
    panel("Ledger", { class: "wide" }, ledger), panel("What was lost", { class: "wide" }, lost));
  return watch("status", (told) => {
    if (!told) return;
    keep(store, () => tellStore(told.store));
    keep(uplink, () => tellUplink(told.uplink));
    keep(ledger, () => table("Ledger", ["stream", ">last number", ">waiting", ">ever lost"],
      Object.entries(told.ledger).map(([stream, of]) => [stream, count(of.last), count(of.waiting), warned(count(of.lost), of.lost > 0)])));
    keep(lost, () => tellLost(told.lost));
  });
}

function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", {}, value)]));
}

function tellStore({ bytes: used, max_bytes: most, hours_until_full: hours, oldest, fault, faults }) {
  const share = used / most;
  return el("div", {},
    el("meter", { class: "large", value: share, max: 1, high: 0.9, "aria-label": "Store fill" }),
    facts([
      ["filled", `${bytes(used)} of ${bytes(most)} (${percent(share)})`],
      ["full in", hours === null ? "not filling" : hours === 0 ? warned("full: the oldest telemetry fades", true) : `${span(hours * 3600)} at the present rate`],
      ["oldest message", when(oldest, { date: true })],
      ["disk", fault ? warned(fault, true) : faults ? `works; refused ${faults} times so far` : "works"]]));
}

function tellUplink({ connected, connects, published, acked, inflight, last_error: error }) {
  return facts([
    ["broker", word(connected, "connected", "not connected")], ["connections so far", count(connects)], ["sent", count(published)],
    ["acknowledged", count(acked)], ["in flight", count(inflight)], ["last error", error || "none"]]);
}

function tellLost(lost) {
  if (lost === null) return el("p", { text: "The disk does not say now which were lost." });
  if (!lost.length) return el("p", { text: "Nothing." });
  return table("What was lost", ["stream", ">from number", ">to number", ">lost", "why"],
    lost.toReversed().map((gap) => [gap.stream, count(gap.from_seq), count(gap.to_seq), count(gap.lost), gap.reason]));
}
