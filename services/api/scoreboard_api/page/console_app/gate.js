// Who gets in: moderators and administrators. Others get a friendly sentence. This only decides what is drawn; what may be
// read and done is decided by the API at every request.

import { byId, fill, h } from "../app/dom.js";
import { field } from "../app/fields.js";
import { Code } from "../app/codes.js";
import { Problem, sentence } from "../app/problems.js";
import { avatar } from "../app/row.js";
import { logIn, logOut } from "../app/session.js";
import { get, watch } from "../app/store.js";

const INSIDE = new Set(["moderator", "admin"]);

/** @returns {boolean} whether a moderator or administrator is signed in */
export function moderates() {
  return INSIDE.has(get().player?.role ?? "");
}

/** @returns {boolean} whether an administrator is signed in */
export function administers() {
  return get().player?.role === "admin";
}

/** Draws the way in, and the corner that says who is inside. */
export function mountGate() {
  let shown = "";
  watch(["player", "restoring"], () => {
    const { player, restoring } = get();
    const view = player ? (moderates() ? "inside" : "other") : restoring ? "waiting" : "door";
    drawCorner(player);
    if (view === shown) return;
    shown = view;
    fill(byId("gate"), VIEWS[view]());
    byId("gate").querySelector("input")?.focus();
  });
}

/** @param {import("../app/store.js").Player | null} player */
function drawCorner(player) {
  fill(
    byId("session"),
    player &&
      h("span", { class: "who", title: player.username }, avatar(player.id, player.username), h("span", { class: "who__name" }, player.username)),
    player && h("button", { class: "button button--quiet", type: "button", on: { click: () => logOut() } }, "Log out"),
  );
}

const VIEWS = {
  inside: () => null,
  waiting: () => h("p", { class: "gate__wait quiet", role: "status" }, "One moment…"),
  other: () =>
    h(
      "div",
      { class: "card gate" },
      h("h1", { class: "gate__title" }, "This room is for moderators"),
      h(
        "p",
        { class: "quiet" },
        `You are signed in as ${get().player?.username}, and this account plays. If you were made a moderator a moment ago, log out and in again; otherwise an administrator can help.`,
      ),
      h(
        "div",
        { class: "gate__ways" },
        h("a", { class: "button button--primary", href: "/" }, "Go to the board"),
        h("button", { class: "button", type: "button", on: { click: () => logOut() } }, "Use another account"),
      ),
    ),
  door,
};

function door() {
  const name = field("username", "Name", { autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 32, required: true });
  const password = field("password", "Password", { type: "password", autocomplete: "current-password", maxlength: 128, required: true });
  const alert = h("p", { class: "form__alert", role: "alert", hidden: true });
  const submit = h("button", { class: "button button--primary button--wide", type: "submit" }, "Log in");
  const form = h("form", { class: "form", novalidate: true }, name.box, password.box, alert, submit);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    name.complain(name.input.value.trim() ? "" : "Type your name.");
    password.complain(password.input.value ? "" : "Type your password.");
    const bad = form.querySelector("[aria-invalid]");
    if (bad) return bad.focus();
    submit.disabled = true;
    alert.hidden = true;
    try {
      await logIn({ username: name.input.value.trim().normalize("NFC"), password: password.input.value });
    } catch (failure) {
      alert.textContent = refused(failure);
      alert.hidden = false;
      password.input.focus();
    } finally {
      submit.disabled = false;
    }
  });
  return h(
    "div",
    { class: "card gate" },
    h("h1", { class: "gate__title" }, "Moderators' console"),
    h("p", { class: "quiet" }, "Log in with the account that moderates."),
    form,
  );
}

/** @param {unknown} failure */
function refused(failure) {
  const out = failure instanceof Problem && (failure.code === Code.ACCOUNT_SUSPENDED || failure.code === Code.ACCOUNT_BANNED);
  return out ? "This account is closed or suspended, so it cannot moderate." : sentence(failure);
}
