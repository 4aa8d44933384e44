// One row of the board: how an entry looks and how it shows what has just changed.

import { h, setText } from "./dom.js";
import { hue, initials, number, signed } from "./format.js";
import { count, fadeAway, flash } from "./motion.js";

const HINT_FOR = 4500;
const DELTA_FOR = 2400;

/**
 * @typedef {{element: HTMLElement, entry: import("./store.js").Entry | null, delta: number, parts: Record<string, HTMLElement>}} Row
 */

/** @param {string} id @param {string} name @returns {HTMLElement} a coloured disc with initials */
export function avatar(id, name) {
  const disc = h("span", { class: "avatar", "aria-hidden": "true" }, initials(name));
  disc.style.setProperty("--hue", String(hue(id)));
  return disc;
}

/** @param {import("./store.js").Entry} entry @returns {Row} */
export function makeRow(entry) {
  const parts = {
    rank: h("span", { class: "rank" }),
    move: h("span", { class: "move" }),
    name: h("span", { class: "name" }),
    you: h("span", { class: "you" }, "You"),
    delta: h("span", { class: "delta", "aria-hidden": "true" }),
    score: h("span", { class: "score" }),
    more: h("button", { class: "row__more", type: "button", "aria-haspopup": "menu" }, "⋯"),
    fill: h("span", { class: "row__fill", "aria-hidden": "true" }),
    glow: h("span", { class: "row__glow", "aria-hidden": "true" }),
  };
  const element = h(
    "tr",
    { class: "row", role: "row", data: { player: entry.player_id } },
    h("td", { class: "cell-rank", role: "cell" }, parts.fill, parts.glow, parts.rank, parts.move),
    h("th", { class: "cell-name", role: "rowheader", scope: "row" }, avatar(entry.player_id, entry.username), parts.name, parts.you),
    h("td", { class: "cell-score", role: "cell" }, parts.delta, parts.score, parts.more),
  );
  return { element, entry: null, delta: 0, parts };
}

/**
 * Shows the entry and hints at what changed since the last time.
 * @param {Row} row
 * @param {import("./store.js").Entry} entry
 * @param {{mine: boolean, share: number, change: import("./store.js").Change | undefined, quiet: boolean}} look `share`: 0..1, the filled part
 */
export function updateRow(row, entry, { mine, share, change, quiet }) {
  const { element, parts } = row;
  const rankBefore = row.entry?.rank ?? change?.rank_before ?? null;
  const scoreBefore = row.entry?.score ?? change?.score_before ?? null;
  setText(parts.rank, number(entry.rank));
  setText(parts.name, entry.username);
  parts.name.title = entry.username;
  element.dataset.rank = String(entry.rank);
  element.classList.toggle("row--mine", mine);
  parts.you.hidden = !mine;
  parts.more.hidden = mine;
  parts.more.setAttribute("aria-label", `More about ${entry.username}`);
  parts.fill.style.setProperty("--share", share.toFixed(4));
  row.entry = entry;
  if (quiet || scoreBefore === null) {
    count(parts.score, entry.score, entry.score, number);
  } else if (scoreBefore !== entry.score) {
    count(parts.score, scoreBefore, entry.score, number);
    showDelta(row, entry.score - scoreBefore);
  }
  if (!quiet && rankBefore !== null && rankBefore !== entry.rank) showMove(parts.move, rankBefore - entry.rank);
}

/** Gains that follow each other quickly add up. @param {Row} row @param {number} gained */
function showDelta(row, gained) {
  const { delta, glow } = row.parts;
  row.delta = delta.hasChildNodes() ? row.delta + gained : gained;
  if (row.delta === 0) return;
  delta.dataset.way = row.delta > 0 ? "up" : "down";
  delta.textContent = signed(row.delta);
  fadeAway(delta, DELTA_FOR);
  flash(glow);
}

/** @param {HTMLElement} element @param {number} places positive when the player climbed */
function showMove(element, places) {
  const up = places > 0;
  element.dataset.way = up ? "up" : "down";
  element.replaceChildren(
    h("span", { "aria-hidden": "true" }, `${up ? "▲" : "▼"}${Math.abs(places)}`),
    h("span", { class: "visually-hidden" }, `${up ? "up" : "down"} ${Math.abs(places)}`),
  );
  fadeAway(element, HINT_FOR);
}
