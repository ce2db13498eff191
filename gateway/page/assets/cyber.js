// What is normal here and what waits for approval. The page only shows: approving is for the command line, where the user is known.

import { get } from "./api.js";
import { keep, warned } from "./devices.js";
import { el, panel, table } from "./dom.js";
import { count, percent, times, when } from "./format.js";
import { watch } from "./live.js";

const FILE = "/etc/gridsentinel/gateway.yaml";

/** Fill `main`; return how to stop. */
export async function cyber(main) {
  const [waits, normal, taps, learned] = [el("div"), el("div"), el("div"), el("div")];
  const more = [];
  main.append(panel("Waits for approval", { class: "wide" }, waits), panel("Is normal", { class: "wide" }, normal),
    el("div", { class: "columns two" }, panel("Taps and evidence", {}, taps), panel("Learning", {}, learned)));
  const stops = [
    watch("cyber", (told, fault) => {
      if (!told) return keep(waits, () => el("p", { text: `It cannot be told: ${fault}.` }));
      tell(waits, normal, told, [...told.facts, ...more], async () => {
        more.push(...(await get(`cyber?after=${told.facts.length + more.length}`)).facts);
        tell(waits, normal, told, [...told.facts, ...more], null);
      });
      keep(learned, () => tellLearned(told.learned));
    }),
    watch("status", (told) => told && keep(taps, () => tellTaps(told.cyber)))];
  return () => stops.forEach((stop) => stop());
}

function tell(waits, normal, told, facts, fetchMore) {
  const waiting = facts.filter(({ state }) => state === "waits");
  const known = facts.filter(({ state }) => state === "normal");
  keep(waits, () => waiting.length ? el("div", {}, el("p", { text: "Look at each; if it is to stay, approve it on the gateway:" }), el("ul", { class: "commands" }, waiting.map(command)))
    : el("p", { text: "Nothing waits." }));
  keep(normal, () => el("div", {},
    el("p", { class: "dim", text: `${count(told.count)} facts; ${told.frozen ? "frozen: what is new waits" : "each check learns for its time"}. ${Object.entries(told.share).map(([check, share]) => `${check} ${percent(share, 0)}`).join(", ")}` }),
    known.length ? table("Is normal", ["check", "~key", "~value", "first", "last", ">seen", "approved by"],
      known.map((fact) => [fact.check, el("code", { text: fact.key }), fact.value, when(fact.first), when(fact.last), count(fact.count), fact.by])) : el("p", { text: "Nothing is known yet." }),
    fetchMore && facts.length < told.count ? el("button", { type: "button", text: "Show more", on: { click: fetchMore } }) : null));
}

function command(fact) {
  return el("li", {}, el("span", { text: `${fact.check}: ${fact.value || fact.key}, seen ${times(fact.count)}, last ${when(fact.last)}` }),
    el("code", { class: "command", text: `sudo gridsentinel learn ${FILE} approve ${quoted(fact.check)} ${quoted(fact.key)}` }));
}

/** Return a word as a shell takes it: a key came over the wire, and may hold anything. */
function quoted(word) {
  return /^[\w.:/@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function tellTaps({ taps, evidence }) {
  const heard = Object.entries(taps).map(([name, tap]) => [name, count(tap.per_s), count(tap.frames), tap.source, warned(count(tap.dropped), tap.dropped > 0)]);
  return el("div", {},
    heard.length ? table("Taps", ["tap", ">frames/s", ">so far", "by", ">dropped"], heard) : el("p", { text: "No tap is configured." }),
    el("p", { text: evidence === null ? "Evidence is switched off." : `Evidence of ${evidence.kept} alarms is kept; ${evidence.lost} refused by the disk, ${evidence.skipped} came too fast, ${evidence.let_go} made room.` }));
}

function tellLearned(learned) {
  const every = Object.entries(learned);
  if (!every.length) return el("p", { text: "No check learns." });
  return table("Learning", ["check", ">learned", "~of"], every.map(([check, told]) => [check, percent(told.share, 0),
    ["learning", "ready", "frozen"].filter((word) => told[word]).map((word) => `${told[word]} ${word}`).join(", ")]));
}
