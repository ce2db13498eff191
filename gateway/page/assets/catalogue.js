// Which points there are, in the order of their rows, and what they read now.

import { pieces } from "./pieces.js";
import { count, number, quality } from "./format.js";
import { hurry, watch } from "./live.js";

/** `points` as the catalogue tells them; `row` of an id; `devices` their names; the last `values`, `q`, `age_s` by row. */
export const catalogue = { revision: null, points: [], row: new Map(), devices: [], values: [], q: [], age_s: [], time: null };

const WHOLE = ["bool", "dbpos", "enum"];

/** Fetch the catalogue. */
export async function load() {
  const { revision, points } = await pieces("points", ["points"]);
  Object.assign(catalogue, { revision, points, row: new Map(points.map((point, row) => [point.id, row])) });
  catalogue.devices = [...new Set(points.map((point) => point.device))];
  Object.assign(catalogue, { values: [], q: [], age_s: [], time: null });
}

/** Call `watcher()` whenever there are new values. A catalogue of another configuration is fetched first. */
export function watchValues(watcher) {
  return watch("values", (told) => {
    if (told === null) return;
    if (told.revision !== catalogue.revision) {
      renew();
      return;
    }
    Object.assign(catalogue, { values: told.values, q: told.q, age_s: told.age_s, time: told.time });
    watcher();
  });
}

let renewing = null;

function renew() {
  renewing ??= load()
    .then(() => {
      hurry("values");
      dispatchEvent(new Event("reloaded"));
    })
    .catch(() => {}) // the next answer asks again
    .finally(() => (renewing = null));
}

/** Return what is known against the value of `row`. */
export function qualityOf(row) {
  return quality(catalogue.q[row] ?? 0, catalogue.age_s[row], catalogue.points[row].every_s);
}

/** Return what the point of `row` reads, as text: steps and states are whole numbers. */
export function valueOf(row) {
  const { role, type } = catalogue.points[row];
  return (role?.quantity === "tap" || WHOLE.includes(type) ? count : number)(catalogue.values[row]);
}

/** Return open, closed or unknown for the breaker of `row`: a bit is 0 or 1, a double-point position 1 or 2. */
export function breaker(row) {
  const value = catalogue.values[row];
  if (["bad", "unread"].includes(qualityOf(row).word)) return "unknown";
  return (catalogue.points[row].type === "dbpos" ? { 1: "open", 2: "closed" } : { 0: "open", 1: "closed" })[value] ?? "unknown";
}
