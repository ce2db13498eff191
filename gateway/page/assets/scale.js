// Scales of a chart: round ticks for numbers and for times.

const STEPS_S = [60, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/** Return round numbers within `low` to `high`, about `most` of them. */
export function ticks(low, high, most) {
  const rough = (high - low) / most;
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(at * step);
  return found;
}

/** Return the moments to label from `start_s` to `end_s`, in seconds since 1970, about `most`, at full hours of this browser's clock. */
export function moments(start_s, end_s, most) {
  const step = STEPS_S.find((each) => (end_s - start_s) / each <= most) ?? STEPS_S.at(-1);
  const shift = new Date(start_s * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let at = Math.ceil((start_s - shift) / step) * step + shift; at <= end_s; at += step) found.push(at);
  return found;
}

/** Return the least and the greatest of `values`, with some room; limits that lie near belong to it. */
export function extent(values, limits) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (value !== null) (low = Math.min(low, value)), (high = Math.max(high, value));
  if (low > high) return limits.length ? [Math.min(...limits), Math.max(...limits) + 1e-9] : [0, 1];
  const reach = Math.max(high - low, Math.abs(high) * 0.05, 1e-9);
  for (const limit of limits) if (limit >= low - reach && limit <= high + reach) (low = Math.min(low, limit)), (high = Math.max(high, limit));
  const room = 0.06 * Math.max(high - low, Math.abs(high) * 0.005, 1e-9);
  return [low - room, high + room];
}
