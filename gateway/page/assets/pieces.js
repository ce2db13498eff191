// Answers that come in pieces: of a large gateway no answer holds everything.

import { get } from "./api.js";

/** Return the answer to `path` with the lists `keys` whole, however many pieces they came in; what one of them has anew is asked again later. */
export async function pieces(path, keys) {
  const whole = await get(path);
  while (whole[keys[0]].length < whole.count) {
    const more = await get(`${path}?from=${whole[keys[0]].length}`);
    if (more.revision !== whole.revision || !more[keys[0]].length) break;
    for (const key of keys) whole[key].push(...more[key]);
  }
  return whole;
}
