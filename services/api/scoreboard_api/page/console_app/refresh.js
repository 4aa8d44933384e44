// Reads again what is looked at: every few seconds, at once when the window comes back, and never in a hidden tab.

import { byId, fill } from "../app/dom.js";
import { watch } from "../app/store.js";
import { announce } from "../app/toasts.js";
import { readCase, readQueue } from "./casereads.js";
import { desk, NO_CASE, NO_QUEUE } from "./desk.js";
import { moderates } from "./gate.js";

const EVERY = 4000;

let timer = 0;

/** Starts the reading. */
export function startRefresh() {
  addEventListener("focus", now);
  addEventListener("online", now);
  addEventListener("offline", sayOffline);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && now());
  watch(["player"], () => (moderates() ? now() : forget()));
  desk.watch(["place"], now);
}

/** Nobody who comes to this screen next may read what was on it. */
function forget() {
  desk.set({ queue: NO_QUEUE, opened: NO_CASE, cursor: "" });
  announce("");
  fill(byId("announcer"));
  fill(byId("toasts"));
}

function now() {
  clearTimeout(timer);
  timer = setTimeout(tick, 0);
}

function sayOffline() {
  const { queue } = desk.get();
  desk.set({ queue: { ...queue, problem: "You are offline." } });
}

async function tick() {
  const { place } = desk.get();
  if (moderates() && document.visibilityState === "visible" && navigator.onLine) {
    // The number of open cases is shown on every tab.
    await Promise.all([readQueue(), place.tab === "review" && place.caseId ? readCase(place.caseId) : null]);
  }
  clearTimeout(timer);
  timer = setTimeout(tick, EVERY * (0.9 + Math.random() / 5));
}
