// Small data tables: for records, and as the text alternative of every plot.

import { h } from "../app/dom.js";

/**
 * @typedef {string | number | Node | null} Cell
 * @param {string} caption read out; shown only when the look says so
 * @param {(string | {text: string, end: boolean})[]} heads `end`: a column of numbers
 * @param {Cell[][]} rows the first cell of each names its row
 * @param {string} [look] more class names
 * @returns {HTMLElement} in a box that scrolls sideways by itself
 */
export function table(caption, heads, rows, look = "") {
  const ends = heads.map((head) => typeof head !== "string" && head.end);
  const cell = (tag, content, place, more = {}) => h(tag, { class: ends[place] ? "end" : null, ...more }, content);
  return h(
    "div",
    { class: "sheet", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: `data ${look}` },
      h("caption", { class: "visually-hidden" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((head, place) => cell("th", typeof head === "string" ? head : head.text, place, { scope: "col" })),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            row.map((content, place) => (place === 0 ? cell("th", content, place, { scope: "row" }) : cell("td", content, place))),
          ),
        ),
      ),
    ),
  );
}

/** @param {string} text @returns {{text: string, end: boolean}} the head of a column of numbers */
export function end(text) {
  return { text, end: true };
}

/**
 * A table that is folded away under a plot.
 * @param {string} caption
 * @param {(string | {text: string, end: boolean})[]} heads
 * @param {Cell[][]} rows
 */
export function folded(caption, heads, rows) {
  return h("details", { class: "folded" }, h("summary", {}, "As a table"), table(caption, heads, rows));
}

/**
 * The same, but its rows are made only when somebody opens it.
 * @param {string} caption
 * @param {(string | {text: string, end: boolean})[]} heads
 * @param {() => Cell[][]} rows
 */
export function foldedLater(caption, heads, rows) {
  const box = h("details", { class: "folded" }, h("summary", { "aria-label": `${caption}, as a table` }, "As a table"));
  box.addEventListener("toggle", () => {
    if (box.open && box.childElementCount === 1) box.append(table(caption, heads, rows()));
  });
  return box;
}
