// Numbers, times and qualities for people.

/** The flags of a quality, bit 0 first: protocols/model.py. */
const FLAGS = ["invalid", "questionable", "old", "overflow", "out of range", "bad reference", "oscillatory", "failure",
  "inconsistent", "inaccurate", "substituted", "test", "blocked", "communication lost", "restart", "time untrusted"];
/** Invalid, bad reference, failure, communication lost, restart: such a value says nothing about the grid. */
const UNUSABLE = 0x60a1;
/** A value is old at three times its scan, and never before five seconds. */
const SCANS_OLD = 3;
const OLD_S = 5;
const UNKNOWN_SCAN_S = 3.4;
const THIN = "\u202f";
const NONE = "\u2013";

/** Return `value` with about four digits, thousands apart: 1 204, 63.51, 0.982. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return grouped(value.toFixed(digits));
}

/** Return a number with the digits that it was given, as a limit was. */
export function exact(value) {
  return grouped(String(value));
}

/** Return a whole number, thousands apart. */
export function count(value) {
  return Number.isFinite(value) ? grouped(Math.round(value).toString()) : NONE;
}

function grouped(text) {
  const [whole, part] = text.split(".");
  const apart = whole.replace(/\B(?=(\d{3})+(?!\d))/g, THIN).replace("-", "\u2212");
  return part === undefined ? apart : `${apart}.${part}`;
}

/** Return how often: once, 3 times. */
export function times(value) {
  return value === 1 ? "once" : `${count(value)} times`;
}

/** Return a share as per cent. */
export function percent(share, digits = 1) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : NONE;
}

/** Return a duration in its largest unit. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  const size = Math.max(seconds, 0);
  if (size < 10) return `${size.toFixed(1)} s`;
  if (size < 120) return `${size.toFixed(0)} s`;
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]])
    if (size >= 2 * length || unit === "min") return `${(size / length).toFixed(size < 10 * length ? 1 : 0)} ${unit}`;
}

/** Return bytes in MiB or GiB. */
export function bytes(value) {
  const mib = value / 1048576;
  return mib >= 1024 ? `${(mib / 1024).toFixed(1)} GiB` : `${mib.toFixed(mib < 10 ? 1 : 0)} MiB`;
}

const two = (value) => String(value).padStart(2, "0");

/** Return a moment as the clock of this browser has it: 07:58:03, with the date where it is not today's. */
export function when(iso, { date = false } = {}) {
  const at = new Date(iso);
  if (!iso || Number.isNaN(at.getTime())) return NONE;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const today = at.toDateString() === new Date().toDateString();
  return today && !date ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** Return how this browser counts its hours: UTC+2. */
export function zone() {
  const minutes = -new Date().getTimezoneOffset();
  const size = Math.abs(minutes);
  if (!minutes) return "UTC";
  return `UTC${minutes < 0 ? "\u2212" : "+"}${Math.floor(size / 60)}${size % 60 ? `:${two(size % 60)}` : ""}`;
}

/** Return what is known against a reading: `word` good, bad, suspect, old or unread; `sign` its letter; `why` in words. */
export function quality(q, age, every) {
  if (age === null || age === undefined) return { word: "unread", sign: "U", why: "not read yet" };
  const flags = FLAGS.filter((_, bit) => q & (1 << bit));
  const limit = Math.max(OLD_S, SCANS_OLD * (every ?? UNKNOWN_SCAN_S));
  if (q & UNUSABLE) return { word: "bad", sign: "B", why: flags.join(", ") };
  if (age > limit) return { word: "old", sign: "A", why: [`${span(age)} old`, ...flags].join(", ") };
  if (q) return { word: "suspect", sign: "?", why: flags.join(", ") };
  return { word: "good", sign: "", why: "good" };
}

/** Return a state with spaces: active, unacknowledged. */
export function state(word) {
  return { active_unacked: "active, unacknowledged", active_acked: "active, acknowledged",
    returned_unacked: "returned, unacknowledged" }[word] ?? String(word).replaceAll("_", " ");
}

/** Return a quantity and its phase as an engineer writes them: P, Q, I a, U ab. */
export function symbol(quantity, phase) {
  const letter = { voltage: "U", current: "I", active_power: "P", reactive_power: "Q", apparent_power: "S",
    power_factor: "pf", frequency: "f", energy: "E", tap: "tap", oil_temperature: "oil", winding_temperature: "winding",
    ambient_temperature: "ambient", temperature: "temp" }[quantity] ?? String(quantity ?? "").replaceAll("_", " ");
  return phase && phase !== "total" ? `${letter} ${phase}` : letter;
}

/** Return a unit as it is written: \u00b0C for degC. */
export function unit(word) {
  return { degC: "\u00b0C", degF: "\u00b0F" }[word] ?? word;
}
