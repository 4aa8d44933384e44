// What is said about a frozen board: to those who see what was, and to moderators, who see what is.

import { when } from "./format.js";

/** @typedef {import("./store.js").Freeze} Freeze */

/**
 * The notice above a board.
 * @param {Freeze} freeze
 * @returns {string}
 */
export function frozenWords({ since, until, real }) {
  if (real) {
    const end = until ? `until ${when(until)}` : "until the freeze is taken out";
    return `These are the real standings. Players and spectators see the board as it was ${at(since)}, ${end}.`;
  }
  const end = until ? `the final standings are revealed ${at(until)}` : "the final standings will be revealed here";
  return `Frozen since ${when(since)}, ${end}.`;
}

/** What a player reads under the own rank. */
export const OWN_WORDS = "Ranks are frozen. Your own points go on counting.";

/**
 * What a change of the board's state is called when it happens under our eyes; empty for no change worth a word.
 * @param {Freeze | null} before
 * @param {Freeze | null} after
 */
export function turnWords(before, after) {
  if (after !== null && before === null && !after.real) return "The board is frozen.";
  if (before !== null && after === null && !before.real) return "The standings are revealed.";
  return "";
}

/** @param {string} time @returns {string} "at 18:00", "on 4 Nov, 18:00" */
function at(time) {
  const words = when(time);
  return words.includes(" ") ? `on ${words}` : `at ${words}`;
}
