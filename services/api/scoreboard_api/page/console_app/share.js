// Horizontal bars, one below the other: parts of a whole, each with its number and its share.

import { h } from "../app/dom.js";
import { number } from "../app/format.js";
import { percent } from "./words.js";

/**
 * @typedef {{name: string, value: number, note?: string, tone?: string}} Bar
 * @param {string} label what the list is, for who does not see it
 * @param {Bar[]} bars
 * @param {number} whole of which the values are shares; the greatest value where the shares are not to be told
 * @param {boolean} [told] whether shares are written
 * @returns {HTMLElement}
 */
export function bars(label, bars, whole, told = true) {
  return h(
    "ul",
    { class: "bars", "aria-label": label },
    bars.map(({ name, value, note = "", tone = "" }) => {
      const bar = h("span", { class: "bars__track", "aria-hidden": "true" }, h("span", { class: "bars__bar" }));
      bar.style.setProperty("--share", String(whole > 0 ? Math.min(1, Math.max(0, value) / whole) : 0));
      return h(
        "li",
        { class: "bars__row", data: { tone } },
        h("span", { class: "bars__name" }, name, note !== "" && h("span", { class: "fine bars__note" }, note)),
        bar,
        h("span", { class: "bars__value" }, number(value), told && whole > 0 && h("span", { class: "bars__share" }, percent(Math.min(1, value / whole)))),
      );
    }),
  );
}
