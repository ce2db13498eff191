// The overview: how the gateway is and why, the one-line diagram, and what waits for a person.

import { get } from "./api.js";
import { catalogue, watchValues } from "./catalogue.js";
import { drawn, sections } from "./diagram.js";
import { arrows, el, panel } from "./dom.js";
import { bytes, count, percent, span, state, when } from "./format.js";
import { watch } from "./live.js";
import { sign } from "./severity.js";

const WORST_SHOWN = 5;

/** Fill `main`; return how to stop. */
export async function overview(main) {
  const why = el("ul", { class: "why" });
  const picture = el("div", { class: "picture" });
  const beside = el("p", { class: "dim" });
  const [worst, devices, store] = [el("div"), el("div"), el("div")];
  main.append(
    panel("Health", {}, why),
    panel("One-line diagram", { class: "wide" }, picture, beside),
    el("div", { class: "columns three" }, panel("Needs attention", {}, worst), panel("Devices", {}, devices), panel("Delivery", {}, store)));
  const told = await get("diagram");
  tellOthers(beside, told);
  const stopPicture = show(picture, sections(told));
  const stops = [stopPicture,
    watch("health", (answer) => answer && tellWhy(why, answer)),
    watch("alarms", (answer) => answer && tellWorst(worst, answer)),
    watch("status", (answer) => answer && (tellDevices(devices, answer), tellStore(store, answer)))];
  return () => stops.forEach((stop) => stop());
}

/** Keep the diagram in `picture` drawn for its width, and its cells up to date while it is in view. */
function show(picture, found) {
  if (!found.length) {
    picture.append(el("p", { text: "No point has a role with a bay and a bus yet: give the points roles, and the diagram draws itself." }));
    return () => {};
  }
  let cells = [], width = 0, inView = true, alarms = [];
  const update = () => inView && cells.forEach((cell) => cell.update?.());
  const alarmed = () => cells.forEach((cell) => cell.alarmed?.(alarms));
  const draw = () => {
    if (picture.clientWidth === width || !picture.clientWidth) return;
    width = picture.clientWidth;
    const made = drawn(found, width);
    cells = made.cells;
    picture.replaceChildren(made.node);
    update();
    alarmed();
  };
  const sized = new ResizeObserver(draw);
  const seen = new IntersectionObserver(([entry]) => ((inView = entry.isIntersecting), update()));
  const keys = (event) => arrows(event, [...picture.querySelectorAll("a")]);
  sized.observe(picture);
  seen.observe(picture);
  picture.addEventListener("keydown", keys);
  draw();
  const stops = [watchValues(update), watch("alarms", (told) => told && ((alarms = told.alarms), alarmed()))];
  return () => (sized.disconnect(), seen.disconnect(), stops.forEach((stop) => stop()));
}

function tellOthers(node, { other }) {
  if (!other.length) return;
  node.append("Without a place in it: ", ...other.flatMap(({ device, rows }, at) => [at ? ", " : "",
    el("a", { href: `#points?find=${encodeURIComponent(device)}`, text: device }), ` (${rows.length})`]));
}

function tellWhy(node, { why }) {
  const lines = why.length ? why : ["Nothing is wrong."];
  if (JSON.stringify(lines) === node.dataset.told) return;
  node.dataset.told = JSON.stringify(lines);
  node.replaceChildren(...lines.map((text) => el("li", { text })));
}

function tellWorst(node, { alarms, count: all }) {
  const open = alarms.filter((alarm) => !["shelved", "suppressed"].includes(alarm.state));
  const shown = open.slice(0, WORST_SHOWN);
  const key = JSON.stringify([all, shown.map(({ id, state: now, last }) => [id, now, last])]);
  if (key === node.dataset.told) return;
  node.dataset.told = key;
  const item = (alarm) => el("li", {}, sign(alarm.severity, { open: !alarm.state.endsWith("_unacked") }),
    el("a", { href: `#alarms?find=${encodeURIComponent(alarm.id)}`, text: alarm.text }),
    el("span", { class: "dim", text: `${alarm.severity}, ${state(alarm.state)}, ${when(alarm.last)}` }));
  node.replaceChildren(shown.length ? el("ul", { class: "worst" }, shown.map(item)) : el("p", { text: "No alarm." }),
    all > shown.length ? el("p", {}, el("a", { href: "#alarms", text: `All ${count(all)} alarms` })) : "");
}

function facts(node, pairs) {
  const key = JSON.stringify(pairs);
  if (key === node.dataset.told) return;
  node.dataset.told = key;
  node.replaceChildren(el("dl", { class: "facts" }, pairs.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })])));
}

function tellDevices(node, { devices, lines }) {
  const every = Object.entries(devices);
  const silent = every.filter(([, device]) => !device.online).map(([name]) => name);
  const busiest = Math.max(0, ...lines.map(({ busy }) => busy));
  facts(node, [
    ["answer", `${every.length - silent.length} of ${every.length}`],
    ...(silent.length ? [["silent", silent.slice(0, 5).join(", ") + (silent.length > 5 ? ` and ${silent.length - 5} more` : "")]] : []),
    ["points", count(catalogue.points.length)],
    ["busiest line", percent(busiest)],
    ["skipped scans", count(every.reduce((all, [, device]) => all + device.skipped, 0))]]);
}

function tellStore(node, { store, uplink, ledger }) {
  const lost = Object.values(ledger).reduce((all, stream) => all + stream.lost, 0);
  const waiting = Object.values(ledger).reduce((all, stream) => all + stream.waiting, 0);
  facts(node, [
    ["broker", uplink.connected ? "connected" : "not connected"],
    ["waiting", `${count(waiting)} messages`],
    ["store", `${bytes(store.bytes)} of ${bytes(store.max_bytes)}`],
    ["full in", store.hours_until_full === null ? "not filling" : span(store.hours_until_full * 3600)],
    ["ever lost", count(lost)]]);
}
