// What a correction would change, or has changed: who moves from which rank to which, on which board and in which season.

import { h } from "../app/dom.js";
import { counted, number } from "../app/format.js";
import { end, table } from "./table.js";

/**
 * @typedef {{player_id: string, username: string, rank_before: number | null, rank_after: number | null, score_before: number | null, score_after: number | null}} Move
 * @typedef {{board: string, title: string, season: number | string, season_status: string, changes: Move[], more: number}} BoardDiff
 */

/** @param {{actions: number, players: number, points: number, boards: BoardDiff[]}} preview @returns {Node[]} */
export function drawDiff(preview) {
  if (preview.actions === 0) return [h("p", { class: "notice" }, "No result that counts fits this. Nothing would change.")];
  const head = h(
    "p",
    { class: "preview__sum" },
    h("b", {}, counted(preview.actions, "result")),
    " of ",
    h("b", {}, counted(preview.players, "player")),
    ` would be void: ${number(preview.points)} points.`,
  );
  return [head, ...preview.boards.map(boardDiff)];
}

/** @param {BoardDiff} board */
function boardDiff(board) {
  const season =
    board.season_status === "closed"
      ? `season ${board.season}, closed: its final standings are ranked again`
      : `season ${board.season}, ${board.season_status}`;
  const rows = board.changes.map((each) => [
    each.username,
    moved(each.rank_before, each.rank_after, "out"),
    moved(each.score_before, each.score_after, "–"),
  ]);
  return h(
    "section",
    { class: "part" },
    h("h3", { class: "part__title" }, board.title, h("span", { class: "part__more" }, ` ${season}`)),
    rows.length === 0
      ? h("p", { class: "quiet" }, "Nobody's rank or score changes here.")
      : table(`Changes on ${board.title}`, ["Player", end("Rank"), end("Score")], rows, "data--diff"),
    board.more > 0 && h("p", { class: "fine" }, `and ${number(board.more)} more`),
  );
}

/** @param {number | null} before @param {number | null} after @param {string} gone what to write where there is nothing after */
function moved(before, after, gone) {
  const one = (value) => (value === null ? "–" : number(value));
  if (before === after) return one(before);
  return h(
    "span",
    { class: "moved" },
    h("span", { class: "moved__before" }, one(before)),
    h("span", { "aria-label": "to" }, " → "),
    h("b", {}, after === null ? gone : number(after)),
  );
}
