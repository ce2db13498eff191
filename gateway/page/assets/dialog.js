// Questions to a person, in a dialog that keeps the focus, closes with Escape and gives the focus back.

import { el } from "./dom.js";

/** Ask; return the form's data as FormData, or null if nobody agreed. `attempt(data)` may throw: its message is shown and the dialog stays. */
export function ask(title, body, agree, attempt = async () => {}) {
  return new Promise((settle) => {
    const fault = el("p", { class: "fault", role: "alert" });
    const yes = el("button", { class: "primary", text: agree });
    const no = el("button", { type: "button", text: "Cancel", on: { click: () => dialog.close() } });
    let data = null;
    const submitted = async (event) => {
      event.preventDefault();
      yes.disabled = true;
      fault.textContent = "";
      try {
        const told = new FormData(form);
        await attempt(told);
        data = told;
        dialog.close();
      } catch (error) {
        fault.textContent = error.message;
      } finally {
        yes.disabled = false;
      }
    };
    const form = el("form", { on: { submit: submitted } }, el("h2", { id: "asked", text: title }), body, fault, el("p", { class: "buttons" }, yes, no));
    const dialog = el("dialog", { "aria-labelledby": "asked", on: { close: () => (dialog.remove(), settle(data)) } }, form);
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector("[autofocus]") ?? yes).focus();
  });
}

/** Show something, with a way to close it. */
export function tell(title, body) {
  const dialog = el("dialog", { "aria-labelledby": "told", on: { close: () => dialog.remove() } },
    el("h2", { id: "told", text: title }), body,
    el("p", { class: "buttons" }, el("button", { type: "button", text: "Close", on: { click: () => dialog.close() } })));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
