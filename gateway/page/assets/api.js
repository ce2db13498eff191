// The one place that asks the gateway. Everything is same-origin; the session is a cookie that no script can read.

const ROOT = "/api/v1/";
/** An answer takes milliseconds; who waits longer looks at a frozen page. */
const PATIENCE_MS = 4000;

/** The gateway answered, and said no: `status` is that of HTTP, the message its own. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Nobody answered. */
export class Silent extends Error {}

/** Return the answer to GET `path`. Throws Refused or Silent. */
export const get = (path) => ask("GET", path);

/** Return the answer to POST `path`. Throws Refused or Silent. */
export const post = (path, body) => ask("POST", path, body);

/** End the session. */
export const leave = () => ask("DELETE", "session");

async function ask(method, path, body) {
  let response, told;
  try {
    response = await fetch(ROOT + path, {
      method,
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: method === "GET" ? {} : { "X-GridSentinel": "1", "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    told = await response.text();
  } catch (error) {
    throw new Silent(error.name === "TimeoutError" ? "it does not answer in time" : "nobody answers");
  }
  const answer = read(told);
  if (response.ok) return answer;
  if (response.status === 401 && path !== "session") dispatchEvent(new Event("session-over"));
  throw new Refused(response.status, answer.error ?? `HTTP ${response.status}`);
}

function read(told) {
  try {
    return told ? JSON.parse(told) : {};
  } catch {
    throw new Refused(0, "the answer is no JSON");
  }
}
