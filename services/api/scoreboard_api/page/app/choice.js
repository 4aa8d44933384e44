// Which board and season is looked at. The address is the truth, so links can be shared and the back button works.

import { DEFAULT_BOARD } from "./config.js";
import { byId, fill, h } from "./dom.js";
import { readMineSoon, readSeasons, readTop } from "./reads.js";
import { get, NO_STANDINGS, NOT_MINE, set, watch } from "./store.js";

/** Follows the address and draws the choices. */
export function mountChoice() {
  addEventListener("popstate", takeAddress);
  byId("main").ownerDocument.querySelector("[data-link=home]")?.addEventListener("click", (event) => follow(event, "/"));
  watch(["boards", "boardKey"], drawBoards);
  watch(["seasons", "seasonId", "boardKey"], drawSeasons);
  watch(["boards"], leaveUnknownBoard);
  watch(["seasons"], leaveOpenSeason);
  takeAddress();
}

function takeAddress() {
  const query = new URLSearchParams(location.search);
  const boardKey = query.get("board") || DEFAULT_BOARD;
  const season = Number(query.get("season"));
  const seasonId = Number.isInteger(season) && season > 0 ? season : null;
  const now = get();
  if (boardKey === now.boardKey && seasonId === now.seasonId) return;
  const sameBoard = boardKey === now.boardKey;
  set({
    boardKey,
    seasonId,
    standings: NO_STANDINGS,
    mine: now.player ? { ...NOT_MINE, status: "loading" } : NOT_MINE,
    ...(sameBoard ? {} : { seasons: [] }),
  });
  readTop();
  readMineSoon();
  if (!sameBoard) readSeasons();
}

/** @param {string} board @param {number | null} [season] @returns {string} */
function address(board, season = null) {
  const query = new URLSearchParams();
  if (board !== DEFAULT_BOARD) query.set("board", board);
  if (season !== null) query.set("season", String(season));
  return query.size > 0 ? `/?${query}` : "/";
}

/** @param {string} url */
function go(url) {
  if (url !== location.pathname + location.search) history.pushState(null, "", url);
  takeAddress();
}

/** Plain clicks change the board in place; a click for a new tab stays the browser's. @param {MouseEvent} event @param {string} url */
function follow(event, url) {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(url);
}

function leaveUnknownBoard() {
  const { boards, boardKey } = get();
  if (boards.length === 0 || boards.some((board) => board.key === boardKey)) return;
  history.replaceState(null, "", address(boards.some((board) => board.key === DEFAULT_BOARD) ? DEFAULT_BOARD : boards[0].key));
  takeAddress();
}

/** A link to a season that is still open means the live board. */
function leaveOpenSeason() {
  const { seasons, seasonId, boardKey } = get();
  const season = seasons.find((one) => one.id === seasonId);
  if (!season || season.status === "closed") return;
  history.replaceState(null, "", address(boardKey));
  takeAddress();
}

function drawBoards() {
  const { boards, boardKey } = get();
  const links = boards.map((board) => {
    const url = address(board.key);
    return h("a", { class: "tab", href: url, "aria-current": board.key === boardKey ? "page" : null, data: { board: board.key }, on: { click: (event) => follow(event, url) } }, board.title);
  });
  const focused = document.activeElement?.closest(".tab")?.getAttribute("data-board");
  fill(byId("boards"), ...links);
  const again = links.find((link) => link.dataset.board === focused);
  again?.focus();
  const current = links.find((link) => link.hasAttribute("aria-current"));
  if (current) byId("boards").scrollLeft = current.offsetLeft - 24;
}

function drawSeasons() {
  const { seasons, seasonId, boardKey } = get();
  const past = seasons.filter((season) => season.status === "closed");
  if (past.length === 0) return fill(byId("season-choice"));
  const open = seasons.find((season) => season.status === "open" || season.status === "closing");
  const select = h(
    "select",
    { class: "select", "aria-label": "Season", on: { change: () => go(address(boardKey, select.value ? Number(select.value) : null)) } },
    h("option", { value: "" }, open ? `${open.name} (now)` : "Current season"),
    past.sort((one, other) => other.id - one.id).map((season) => h("option", { value: season.id }, season.name)),
  );
  select.value = seasonId === null ? "" : String(seasonId);
  const focused = byId("season-choice").contains(document.activeElement);
  fill(byId("season-choice"), select);
  if (focused) select.focus();
}
