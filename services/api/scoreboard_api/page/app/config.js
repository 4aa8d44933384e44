// What the server put into index.html for us.

/** @param {string} name @returns {string} */
function meta(name) {
  return document.querySelector(`meta[name="scoreboard-${name}"]`)?.getAttribute("content") ?? "";
}

/** Where the realtime service is; the page's own origin unless the operator says otherwise. */
export const REALTIME_URL = meta("realtime") || location.origin;
/** The board shown when the address names none. */
export const DEFAULT_BOARD = meta("board");
/** Milliseconds between two reads while the live connection is away. */
export const POLL_EVERY = 5000;
