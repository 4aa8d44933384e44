// Short notices at the edge of the screen, and one quiet line for screen readers. Both are rationed: a board that moves ten
// times a second must not be read out ten times a second.

import { byId, h } from "./dom.js";

const SHOWN_FOR = 6000;
const QUIET_FOR = 8000;

let spokeAt = 0;
let speakTimer = 0;
let pending = "";

/**
 * Shows a notice; it is read out too.
 * @param {string} text
 * @param {"good" | "bad" | "plain"} [tone]
 * @param {boolean} [keep] until it is closed
 * @param {{label: string, run: () => void} | null} [action] what can be done about it
 */
export function toast(text, tone = "plain", keep = false, action = null) {
  const box = byId("toasts");
  for (const old of box.querySelectorAll("p")) if (old.textContent === text) old.parentElement?.remove();
  const close = h("button", { class: "toast__close", type: "button", "aria-label": "Close this notice", on: { click: () => note.remove() } }, "×");
  const note = h("div", { class: "toast", data: { tone } }, h("p", {}, text), action && act(action, () => note.remove()), close);
  box.append(note);
  if (!keep) setTimeout(() => note.remove(), SHOWN_FOR);
}

/** @param {{label: string, run: () => void}} action @param {() => void} done */
function act(action, done) {
  const click = () => {
    done();
    action.run();
  };
  return h("button", { class: "button toast__action", type: "button", on: { click } }, action.label);
}

/**
 * Reads a summary out politely, at most once in a while; the newest wins.
 * @param {string} text
 */
export function announce(text) {
  pending = text;
  clearTimeout(speakTimer);
  speakTimer = setTimeout(speak, Math.max(300, spokeAt + QUIET_FOR - Date.now()));
}

function speak() {
  spokeAt = Date.now();
  byId("announcer").textContent = pending;
}
