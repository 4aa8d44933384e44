// Lights with words: shape and word say what the colour says.

import { h } from "../app/dom.js";

/** @type {Record<string, string>} */
export const LIGHTS = { good: "Fine", warn: "Needs a look", bad: "Alarming", unknown: "Not known" };

/**
 * @param {string} tone good, warn, bad or unknown
 * @param {string} [words]
 * @returns {HTMLElement}
 */
export function light(tone, words = LIGHTS[tone] ?? tone) {
  return h("span", { class: "light", data: { tone } }, h("span", { class: "light__mark", "aria-hidden": "true" }), h("span", {}, words));
}
