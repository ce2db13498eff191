// The shell: who is logged in, which view is shown, how old the page is, and the keys that work everywhere.

import { get, leave, Refused } from "./api.js";
import { alarms } from "./alarms.js";
import { load } from "./catalogue.js";
import { cyber } from "./cyber.js";
import { delivery } from "./delivery.js";
import { devices } from "./devices.js";
import { tell } from "./dialog.js";
import { el, mark, say } from "./dom.js";
import { span, when, zone } from "./format.js";
import { link, LOST_MS, start, stop, watch } from "./live.js";
import { login } from "./login.js";
import { overview } from "./overview.js";
import { points } from "./points.js";
import { reports } from "./reports.js";
import { entered, mayOperate, session } from "./session.js";
import { SEVERITIES, tally } from "./severity.js";
import { theme } from "./theme.js";
import { trend } from "./trend.js";

const VIEWS = { overview: ["Overview", overview], alarms: ["Alarms", alarms], trend: ["Trend", trend], points: ["Points", points],
  devices: ["Devices", devices], delivery: ["Delivery", delivery], cyber: ["Cyber", cyber], reports: ["Reports", reports] };
const KEYS = [["1 \u2026 8", "views, in their order"], ["/", "search"], ["\u2191 \u2193", "move in a list"], ["Enter", "open or close"],
  ["a", "acknowledge the alarm that has the focus"], ["s", "shelve it, or unshelve"], ["\u2190 \u2192", "move the pointer of a trend"], ["?", "this help"], ["Esc", "close a dialog"]];
const LOOK_MS = 500;

const main = document.getElementById("main");
const byId = (id) => document.getElementById(id);
let leaveView = () => {};
let entering = 0;

async function begin() {
  theme(byId("theme"));
  byId("help").addEventListener("click", help);
  byId("logout").addEventListener("click", () => leave().catch(() => {}).then(out));
  byId("views").append(...Object.entries(VIEWS).map(([name, [title]]) => el("li", {}, el("a", { href: `#${name}`, text: title }))));
  addEventListener("hashchange", route);
  addEventListener("session-over", out);
  addEventListener("reloaded", route);
  addEventListener("asked", look);
  addEventListener("keydown", key);
  setInterval(look, LOOK_MS);
  watch("health", (told) => told && health(told));
  watch("alarms", (told) => told && counts(told));
  await enter();
}

async function enter() {
  if (!entered.get()) return out();
  try {
    Object.assign(session, await get("session"));
    if (!session.user) return out();
    await load();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) out();
    else waitFor(error.message);
    return null;
  }
  say(byId("where"), `${session.site} / ${session.gateway}`);
  say(byId("user"), `${session.user}, ${mayOperate() ? "may operate" : "reads only"}`);
  document.title = `${session.gateway} \u2013 GridSentinel`;
  document.body.dataset.state = "in";
  start();
  return route();
}

function waitFor(reason) {
  document.body.dataset.state = "out";
  main.replaceChildren(el("p", { class: "panel", role: "alert", text: `The gateway cannot be reached: ${reason}. It is tried again.` }));
  setTimeout(enter, 2000);
}

function out() {
  entered.set(false);
  stop();
  leaveView();
  leaveView = () => {};
  document.body.dataset.state = "out";
  byId("loss").hidden = true;
  say(byId("where"), "GridSentinel");
  document.title = "GridSentinel";
  login(main, enter);
}

/** Show the view that the hash names. */
async function route() {
  if (document.body.dataset.state !== "in") return;
  const [name, query] = location.hash.slice(1).split("?");
  const [title, view] = VIEWS[name] ?? VIEWS.overview;
  const mine = ++entering;
  leaveView();
  leaveView = () => {};
  main.replaceChildren(el("h1", { class: "unseen", text: title }));
  for (const each of byId("views").querySelectorAll("a"))
    mark(each, "aria-current", each.hash === `#${VIEWS[name] ? name : "overview"}` ? "page" : null);
  try {
    const left = await view(main, new URLSearchParams(query));
    if (mine === entering) leaveView = left;
    else left();
  } catch (error) {
    if (mine === entering) main.append(el("p", { class: "panel fault", role: "alert", text: `This view cannot be shown: ${error.message}.` }));
    if (!(error instanceof Refused)) reportError(error);
  }
}

function health({ state, health: score }) {
  say(byId("state"), `${state} ${score}/100`);
  byId("state").dataset.state = state;
}

function counts({ alarms: every, count }) {
  const waiting = every.filter(({ state }) => state === "active_unacked" || state === "returned_unacked");
  const key = JSON.stringify([count, waiting.map(({ severity }) => severity)]);
  if (byId("counts").dataset.told === key) return;
  byId("counts").dataset.told = key;
  const signs = SEVERITIES.map((severity) => tally(severity, waiting.filter((alarm) => alarm.severity === severity).length)).filter(Boolean);
  byId("counts").replaceChildren(...(signs.length ? [...signs, el("span", { text: " to acknowledge" })] : [el("span", { text: count ? "all acknowledged" : "no alarms" })]));
}

/** Say how old the page is; a page that is not answered must never look alive. */
function look() {
  if (document.body.dataset.state !== "in") return;
  const age_ms = performance.now() - link.answered;
  const lost = link.fault !== "" || age_ms > LOST_MS;
  say(byId("age"), lost ? `${span(age_ms / 1000)} old` : `live, times in ${zone()}`);
  const loss = byId("loss");
  document.body.dataset.link = lost ? "lost" : "live";
  loss.hidden = !lost;
  if (lost) say(loss, `NO CONNECTION TO THE GATEWAY: ${link.fault || "it does not answer"}. What is shown was right at ${when(Date.now() - age_ms)}.`);
  if (!lost && age_ms < LOOK_MS) byId("veil").dataset.beat = byId("veil").dataset.beat === "a" ? "b" : "a";
}

function help() {
  tell("Keys", el("dl", { class: "facts keys" }, KEYS.flatMap(([word, text]) => [el("dt", {}, el("kbd", { text: word })), el("dd", { text })])));
}

function key(event) {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (typing || event.ctrlKey || event.altKey || event.metaKey || document.body.dataset.state !== "in") return;
  const name = Object.keys(VIEWS)[Number(event.key) - 1];
  if (name) location.hash = name;
  else if (event.key === "?") help();
  else if (event.key === "/") {
    event.preventDefault();
    const search = main.querySelector("input[type=search]");
    if (search) search.focus();
    else location.hash = "points";
  }
}

begin();
