// The dialog to log in or to create an account, and the corner of the header that shows who is playing.

import { openAppeal } from "./appeal.js";
import { Code } from "./codes.js";
import { byId, fill, h } from "./dom.js";
import { field } from "./fields.js";
import { Problem, sentence } from "./problems.js";
import { avatar } from "./row.js";
import { logIn, logOut, register } from "./session.js";
import { get, watch } from "./store.js";
import { toast } from "./toasts.js";

const STAFF = new Set(["moderator", "admin"]);
const TEXTS = {
  login: { title: "Welcome back", lead: "Log in to see your rank and to play.", submit: "Log in", busy: "Logging in…", other: "New here?", swap: "Create an account" },
  register: { title: "Create your account", lead: "Pick a name for the board. That is all it takes.", submit: "Create account", busy: "Creating…", other: "Already playing?", swap: "Log in" },
};

/** Draws the header's corner and keeps it current. */
export function mountAccount() {
  const dialog = byId("account");
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  watch(["player", "restoring"], () => {
    const { player, restoring } = get();
    const corner = byId("session");
    if (player) {
      fill(
        corner,
        h("span", { class: "who", title: player.username }, avatar(player.id, player.username), h("span", { class: "who__name" }, player.username)),
        STAFF.has(player.role) && h("a", { class: "button button--quiet session__console", href: "/console" }, "Console"),
        h("button", { class: "button button--quiet", type: "button", on: { click: () => logOut() } }, "Log out"),
      );
    } else {
      fill(corner, h("button", { class: "button button--primary", type: "button", disabled: restoring, on: { click: () => openAccount("login") } }, "Log in"));
    }
  });
}

/**
 * Opens the dialog.
 * @param {"login" | "register"} mode
 */
export function openAccount(mode) {
  const dialog = byId("account");
  draw(dialog, mode, "");
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("input")?.focus();
}

/** @param {HTMLDialogElement} dialog @param {"login" | "register"} mode @param {string} name what was typed before the modes were swapped */
function draw(dialog, mode, name) {
  const text = TEXTS[mode];
  const fresh = mode === "register";
  const username = field("username", "Name", { autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 32, required: true, value: name });
  const password = field("password", "Password", {
    type: "password", autocomplete: fresh ? "new-password" : "current-password", maxlength: 128, required: true, ...(fresh ? { minlength: 8 } : {}),
  }, fresh ? "At least 8 characters." : "");
  const alert = h("p", { class: "form__alert", role: "alert", hidden: true });
  const submit = h("button", { class: "button button--primary button--wide", type: "submit" }, text.submit);
  const form = h("form", { class: "form", novalidate: true }, username.box, password.box, alert, submit);
  const swap = () => {
    draw(dialog, fresh ? "login" : "register", username.input.value);
    dialog.querySelector("input")?.focus();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    for (const each of [username, password]) each.complain("");
    alert.hidden = true;
    if (!checked(username, password, fresh)) return;
    submit.disabled = true;
    submit.textContent = text.busy;
    try {
      await (fresh ? register : logIn)({ username: username.input.value.trim().normalize("NFC"), password: password.input.value });
      dialog.close();
      toast(fresh ? "Your account is ready. Play to get on the board." : `Welcome back, ${get().player?.username}.`, "good");
    } catch (failure) {
      explain(failure, { username, password }, alert);
    } finally {
      submit.disabled = false;
      submit.textContent = text.submit;
    }
  });
  fill(
    dialog,
    h(
      "div",
      { class: "dialog__body" },
      h("button", { class: "dialog__close", type: "button", "aria-label": "Close", on: { click: () => dialog.close() } }, "×"),
      h("h2", { class: "dialog__title", id: "account-title" }, text.title),
      h("p", { class: "dialog__lead" }, text.lead),
      form,
      h("p", { class: "dialog__swap" }, `${text.other} `, h("button", { class: "link-button", type: "button", on: { click: swap } }, text.swap)),
    ),
  );
}

function checked(username, password, fresh) {
  if (!username.input.value.trim()) username.complain("Type your name.");
  if (!password.input.value) password.complain("Type your password.");
  else if (fresh && password.input.value.length < 8) password.complain("Use at least 8 characters.");
  const bad = [username, password].find((each) => each.input.hasAttribute("aria-invalid"));
  bad?.input.focus();
  return !bad;
}

/** Puts each complaint beside its field, the rest above the button. */
function explain(failure, fields, alert) {
  const errors = failure instanceof Problem ? failure.errors : [];
  let placed = false;
  for (const { pointer, detail } of errors) {
    const match = fields[pointer.split("/").pop() ?? ""];
    if (!match) continue;
    match.complain(detail);
    if (!placed) match.input.focus();
    placed = true;
  }
  if (placed) return;
  const taken = failure instanceof Problem && failure.code === Code.CONFLICT;
  if (taken) fields.username.complain("This name is taken. Try another.");
  fill(alert, taken ? "" : sentence(failure), closed(failure) && h("button", { class: "link-button form__way", type: "button", on: { click: () => appeal(fields) } }, "Ask for another look"));
  alert.hidden = taken;
  (taken ? fields.username : fields.password).input.focus();
}

/** @param {unknown} failure @returns {boolean} whether the account is suspended or banned */
function closed(failure) {
  return failure instanceof Problem && (failure.code === Code.ACCOUNT_SUSPENDED || failure.code === Code.ACCOUNT_BANNED);
}

/** Who cannot log in says with the same name and password who they are. */
function appeal({ username, password }) {
  byId("account").close();
  openAppeal({ username: username.input.value.trim().normalize("NFC"), password: password.input.value });
}
