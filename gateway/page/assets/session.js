// Who is logged in: `user`, `may` (read or operate), `site`, `gateway`, `version`.

export const session = {};

/** Return whether this user may acknowledge and shelve. */
export const mayOperate = () => session.may === "operate";
