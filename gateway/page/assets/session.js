// Who is logged in: `user`, `may` (read or operate), `site`, `gateway`, `version`.

export const session = {};

const KEY = "gridsentinel-entered";

/** Whether this browser has logged in and not out: only then is it worth asking who is logged in. */
export const entered = {
  get: () => localStorage.getItem(KEY) === "yes",
  set: (yes) => (yes ? localStorage.setItem(KEY, "yes") : localStorage.removeItem(KEY)),
};

/** Return whether this user may acknowledge and shelve. */
export const mayOperate = () => session.may === "operate";
