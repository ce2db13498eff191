// The login: a token, which goes to the gateway and is kept nowhere here.

import { post } from "./api.js";
import { el } from "./dom.js";
import { entered as remembered } from "./session.js";

/** Show the form in `main`; call `entered()` after a login. */
export function login(main, entered) {
  const token = el("input", { id: "token", type: "password", autocomplete: "current-password", required: true, maxlength: "256", spellcheck: "false", "aria-describedby": "fault" });
  const fault = el("p", { class: "fault", id: "fault", role: "alert" });
  const submit = el("button", { class: "primary", text: "Log in" });
  const submitted = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    fault.textContent = "";
    try {
      await post("session", { token: token.value.trim() });
      token.value = "";
      remembered.set(true);
      await entered();
    } catch (error) {
      fault.textContent = { 401: "The gateway does not know this token.", 429: "Too many failures: wait a minute, then try again." }[error.status] ?? `It did not work: ${error.message}.`;
      token.select();
    } finally {
      submit.disabled = false;
    }
  };
  main.replaceChildren(el("form", { class: "panel login", on: { submit: submitted } },
    el("h2", { text: "Log in" }),
    el("label", { for: "token", text: "Your token" }), token, fault, el("p", { class: "buttons" }, submit),
    el("p", { class: "dim", text: "Each user has a token of his own, in the file that the gateway's configuration names. The page reads; who may operate can acknowledge and shelve alarms, and the audit log says who did." })));
  token.focus();
}
