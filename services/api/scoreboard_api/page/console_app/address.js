// Where the moderator is. The address is the truth, so a case can be sent to a colleague as a link and the back button
// works. Plain clicks on our own links change the place without loading the page again.

import { desk } from "./desk.js";

const TABS = new Set(["review", "players", "corrections", "health", "analytics", "status"]);
const RANGES = new Set(["hour", "day", "week", "month", "year"]);
const FILTERS = new Set(["open", "mine", "decided"]);
const NAMES = { caseId: "case", playerId: "player", correctionId: "correction", kind: "kind" };

/** Follows the address and the clicks. */
export function mountAddress() {
  addEventListener("popstate", () => desk.set({ place: read() }));
  document.addEventListener("click", follow);
  desk.set({ place: read() });
}

/** @returns {import("./desk.js").Place} */
function read() {
  const query = new URLSearchParams(location.search);
  const tab = query.get("tab") ?? "";
  const filter = query.get("filter") ?? "";
  const range = query.get("range") ?? "";
  const place = {
    tab: TABS.has(tab) ? tab : "review",
    filter: FILTERS.has(filter) ? filter : "open",
    range: RANGES.has(range) ? range : "hour",
    caseId: "",
    playerId: "",
    correctionId: "",
    kind: "",
  };
  for (const [key, name] of Object.entries(NAMES)) place[key] = query.get(name) ?? "";
  return /** @type {any} */ (place);
}

/**
 * The address of a place; what is not named is as at first.
 * @param {Partial<import("./desk.js").Place>} place
 * @returns {string}
 */
export function address(place) {
  const query = new URLSearchParams();
  if (place.tab && place.tab !== "review") query.set("tab", place.tab);
  if (place.filter && place.filter !== "open") query.set("filter", place.filter);
  if (place.range && place.range !== "hour") query.set("range", place.range);
  for (const [key, name] of Object.entries(NAMES)) if (place[key]) query.set(name, place[key]);
  return query.size > 0 ? `/console?${query}` : "/console";
}

/**
 * Goes to a place.
 * @param {Partial<import("./desk.js").Place>} place
 */
export function go(place) {
  const url = address(place);
  if (url !== location.pathname + location.search) history.pushState(null, "", url);
  desk.set({ place: read() });
}

/** A click for a new tab stays the browser's. @param {MouseEvent} event */
function follow(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href^='/console']") : null;
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href") ?? "/console");
  desk.set({ place: read() });
}
