// The keyboard: moving through the queue, opening, taking and deciding a case. Keys rest while something is typed, while a
// dialog is open, and for whoever switched them off.

import { byId, fill, h } from "../app/dom.js";
import { announce } from "../app/toasts.js";
import { address, go } from "./address.js";
import { toggleClaim } from "./claim.js";
import { focusTitle, take } from "./decision.js";
import { cases, desk } from "./desk.js";
import { moderates } from "./gate.js";

const OFF = "scoreboard.console.keys";
const KEYS = {
  j: ["Next case", () => move(1)],
  k: ["Case before", () => move(-1)],
  o: ["Open the case", () => open()],
  u: ["Back to all cases", () => leave()],
  c: ["Take the case, or give it back", () => toggleClaim()],
  r: ["Release", () => take("release")],
  x: ["Reject", () => take("reject")],
  b: ["Ban (asks first)", () => take("ban")],
  d: ["Dismiss", () => take("dismiss")],
  n: ["Write a note", () => document.getElementById("note")?.focus()],
  "?": ["This list", () => help()],
};

/** Listens for the keys. */
export function mountKeys() {
  document.addEventListener("keydown", onKey);
  byId("help").addEventListener("click", help);
  const dialog = byId("keys");
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key === "Escape" && isTyping(event.target) && event.target instanceof HTMLElement && !event.target.closest("dialog"))
    return event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  if (!moderates() || document.querySelector("dialog[open]") || (isOff() && event.key !== "?")) return;
  const known = KEYS[event.key];
  if (!known || (desk.get().place.tab !== "review" && event.key !== "?")) return;
  event.preventDefault();
  known[1]();
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** @param {1 | -1} way */
function move(way) {
  const items = cases();
  if (items.length === 0) return;
  const { cursor, place } = desk.get();
  const at = items.findIndex((each) => each.id === (cursor || place.caseId));
  const next = items[at === -1 ? (way === 1 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + way))];
  desk.set({ cursor: next.id });
  const link = document.querySelector(`.ticket[data-case="${CSS.escape(next.id)}"] .ticket__link`);
  if (link instanceof HTMLElement && link.offsetParent !== null) link.focus();
  else announce(`Case ${next.number}, ${next.player.username}.`);
}

function open() {
  const { cursor, place } = desk.get();
  const focused = document.activeElement?.closest(".ticket")?.getAttribute("data-case");
  const id = focused || cursor || cases()[0]?.id;
  if (!id) return;
  desk.set({ cursor: id });
  go({ filter: place.filter, caseId: id });
  focusTitle();
}

function leave() {
  const { caseId, filter } = desk.get().place;
  if (!caseId) return;
  desk.set({ cursor: caseId });
  go({ filter });
  document.querySelector(`.ticket[data-case="${CSS.escape(caseId)}"] .ticket__link`)?.focus();
}

function help() {
  const dialog = byId("keys");
  const on = h("input", { type: "checkbox", id: "keys-on", checked: !isOff(), on: { change: () => switchKeys(on.checked) } });
  fill(
    dialog,
    h(
      "div",
      { class: "dialog__body" },
      h("button", { class: "dialog__close", type: "button", "aria-label": "Close", on: { click: () => dialog.close() } }, "×"),
      h("h2", { class: "dialog__title", id: "keys-title" }, "Keyboard shortcuts"),
      h(
        "dl",
        { class: "keys" },
        Object.entries(KEYS).map(([key, [says]]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, /** @type {string} */ (says)))),
      ),
      h("label", { class: "check", for: "keys-on" }, on, "Use these keys"),
      h(
        "p",
        { class: "fine" },
        "They rest while you type. ",
        h("a", { class: "link", href: address({ filter: "decided" }), on: { click: () => dialog.close() } }, "Decided cases"),
        " keep what you did.",
      ),
    ),
  );
  dialog.showModal();
}

function isOff() {
  try {
    return localStorage.getItem(OFF) === "off";
  } catch {
    return false;
  }
}

/** @param {boolean} on */
function switchKeys(on) {
  try {
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "off");
  } catch {
    // Not kept, so the keys stay on.
  }
}
