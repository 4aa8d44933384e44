// While the live connection is away the standings are read every few seconds instead, politely: not in a hidden tab, not
// offline, and never two reads at once.

import { POLL_EVERY } from "./config.js";
import { readMineSoon, readTop } from "./reads.js";
import { get, set } from "./store.js";

const AWAY = new Set(["connecting", "waiting", "restarting"]);

/** Watches the connection and reads in its place. */
export function startFallback() {
  setTimeout(tick, POLL_EVERY);
}

async function tick() {
  const { phase } = get().connection;
  if (AWAY.has(phase) && get().boardKey && document.visibilityState === "visible" && navigator.onLine) {
    const answered = await readTop();
    if (get().player) readMineSoon();
    mark(answered && AWAY.has(get().connection.phase));
  } else if (!AWAY.has(phase)) {
    mark(false);
  }
  setTimeout(tick, POLL_EVERY * (0.9 + Math.random() / 5));
}

/** @param {boolean} polling */
function mark(polling) {
  const { connection } = get();
  if (connection.polling !== polling) set({ connection: { ...connection, polling } });
}
