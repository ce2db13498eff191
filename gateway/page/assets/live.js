// What is asked again and again, and for whom. One question at a time; what nobody looks at is not asked.

import { get, Refused, Silent } from "./api.js";
import { pieces } from "./pieces.js";

const TURN_MS = 250;
/** From so long without an answer on the page is lost, even if no question has failed yet: the machine slept, or hangs. */
export const LOST_MS = 5000;

class Feed {
  constructor(path, every_ms, fetch = () => get(path)) {
    Object.assign(this, { every_ms, fetch, watchers: new Set(), due: 0, told: null, fault: "" });
  }

  async ask(now) {
    this.due = now + this.every_ms;
    try {
      this.told = await this.fetch();
      this.fault = "";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.fault = error.message;
    }
    for (const watcher of [...this.watchers]) watcher(this.told, this.fault);
  }
}

/** health, values, alarms and status go on; the others change slowly. */
const feeds = {
  health: new Feed("health", 1000),
  values: new Feed("values", 1000, () => pieces("values", ["values", "q", "age_s"])),
  alarms: new Feed("alarms", 2000),
  status: new Feed("status", 2000),
  incidents: new Feed("incidents", 5000),
  cyber: new Feed("cyber", 10000),
  assets: new Feed("assets", 30000),
  forecast: new Feed("forecast", 30000),
  days: new Feed("days", 30000),
};

/** How the link to the gateway is: `answered` when it last answered, by `performance.now()`; `fault` why it does not. */
export const link = { answered: 0, fault: "" };

let timer = 0;
let running = false;

/** Call `watcher(answer, fault)` with every answer of `name`, at once with the last one. Return how to stop. */
export function watch(name, watcher) {
  const feed = feeds[name];
  feed.watchers.add(watcher);
  if (feed.told !== null && performance.now() < feed.due) watcher(feed.told, feed.fault);
  else feed.due = 0;
  return () => feed.watchers.delete(watcher);
}

/** Ask `name` at the next turn. */
export function hurry(name) {
  feeds[name].due = 0;
}

/** Begin to ask. */
export function start() {
  running = true;
  clearTimeout(timer);
  link.answered = performance.now();
  link.fault = "";
  turn();
}

/** Ask no more, and forget what was told: it was told to somebody who has logged out. */
export function stop() {
  running = false;
  clearTimeout(timer);
  for (const feed of Object.values(feeds)) Object.assign(feed, { told: null, due: 0, fault: "" });
}

async function turn() {
  for (const feed of Object.values(feeds)) {
    const now = performance.now();
    if (!running || !feed.watchers.size || now < feed.due) continue;
    try {
      await feed.ask(now);
      link.answered = performance.now();
      link.fault = "";
    } catch (error) {
      if (!(error instanceof Silent)) reportError(error);
      link.fault = error.message;
    }
    dispatchEvent(new Event("asked"));
  }
  if (running) timer = setTimeout(turn, TURN_MS);
}
