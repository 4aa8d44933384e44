// Asking for another look at what was decided about oneself. Who is suspended or banned cannot log in, and says by name
// and password who they are.

import { call, newKey } from "./api.js";
import { Code } from "./codes.js";
import { byId, fill, h } from "./dom.js";
import { field } from "./fields.js";
import { Problem, sentence } from "./problems.js";
import { get } from "./store.js";
import { toast } from "./toasts.js";

const LONGEST = 2000;

/**
 * Says why the session ended, and what can be done about it.
 * @param {string} code why, as in problem documents
 */
export function sayFarewell(code) {
  const closed = code === Code.ACCOUNT_SUSPENDED || code === Code.ACCOUNT_BANNED;
  toast(sentence(new Problem(code)), "bad", true, closed ? { label: "Ask for another look", run: () => openAppeal() } : null);
}

/**
 * Opens the dialog.
 * @param {{username?: string, password?: string}} [known] what was typed before
 */
export function openAppeal(known = {}) {
  const inside = get().player !== null;
  const dialog = byId("plea");
  const name = field("plea-name", "Name", {
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: 32,
    required: true,
    value: known.username ?? "",
  });
  const password = field("plea-password", "Password", {
    type: "password",
    autocomplete: "current-password",
    maxlength: 128,
    required: true,
    value: known.password ?? "",
  });
  const words = field(
    "plea-words",
    "What happened, in your words",
    { tag: "textarea", rows: 5, maxlength: LONGEST, required: true },
    "Moderators read this together with what they saw.",
  );
  const alert = h("p", { class: "form__alert", role: "alert", hidden: true });
  const send = h("button", { class: "button button--primary button--wide", type: "submit" }, "Send");
  const key = newKey();
  const form = h("form", { class: "form", novalidate: true }, inside ? null : [name.box, password.box], words.box, alert, send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled) return;
    if (!inside) name.complain(name.input.value.trim() ? "" : "Type your name.");
    if (!inside) password.complain(password.input.value ? "" : "Type your password.");
    words.complain(words.input.value.trim() ? "" : "Say what happened.");
    const bad = form.querySelector("[aria-invalid]");
    if (bad instanceof HTMLElement) return bad.focus();
    send.disabled = true;
    alert.hidden = true;
    const who = inside ? {} : { username: name.input.value.trim().normalize("NFC"), password: password.input.value };
    try {
      await call("POST", "/appeals", { body: { ...who, words: words.input.value.trim() }, player: inside, key });
      dialog.close();
      toast("Thank you. A moderator will take another look.", "good", true);
    } catch (failure) {
      alert.textContent = explain(failure);
      alert.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  fill(dialog, body(dialog, "Ask for another look", "You think a decision about you was wrong? Tell us; a person looks at it again.", form));
  dialog.showModal();
  (inside || known.username ? words.input : name.input).focus();
}

/** @param {unknown} failure */
function explain(failure) {
  const known = failure instanceof Problem && [Code.CONFLICT, Code.NOT_FOUND].includes(failure.code) && failure.detail;
  return known || sentence(failure);
}

/**
 * What a dialog of this kind looks like.
 * @param {HTMLDialogElement} dialog @param {string} title @param {string} lead @param {HTMLElement} form
 */
export function body(dialog, title, lead, form) {
  return h(
    "div",
    { class: "dialog__body" },
    h("button", { class: "dialog__close", type: "button", "aria-label": "Close", on: { click: () => dialog.close() } }, "×"),
    h("h2", { class: "dialog__title", id: "plea-title" }, title),
    h("p", { class: "dialog__lead" }, lead),
    form,
  );
}
