// Draws a part of the page anew without taking away what somebody is at: open tables, how far they are scrolled, and the
// focus stay where they were.

import { fill } from "../app/dom.js";

const KEPT = "summary, .sheet, button, select, a";

/**
 * Replaces what an element holds.
 * @param {HTMLElement} place
 * @param {...(Node | null | false | (Node | null | false)[])} children
 */
export function redraw(place, ...children) {
  const open = Array.from(place.querySelectorAll("details"), (each) => each.open);
  const focused = [...place.querySelectorAll(KEPT)].indexOf(/** @type {Element} */ (document.activeElement));
  const scrolled = Array.from(place.querySelectorAll(".sheet"), (each) => each.scrollTop);
  fill(place, .../** @type {any} */ (children));
  place.querySelectorAll("details").forEach((each, at) => {
    if (!open[at]) return;
    each.open = true;
    each.dispatchEvent(new Event("toggle")); // the browser's own comes later; what was open has its table at once
  });
  requestAnimationFrame(() => place.querySelectorAll(".sheet").forEach((each, at) => (each.scrollTop = scrolled[at] ?? 0)));
  if (focused >= 0) /** @type {HTMLElement | undefined} */ (place.querySelectorAll(KEPT)[focused])?.focus({ preventScroll: true });
}
