// Draws the board: title, rows, and what to say when there are none. Bursts of updates are gathered, so that movement can
// be followed with the eye.

import { byId, fill, h, icon, setText } from "./dom.js";
import { counted, day, moment, number } from "./format.js";
import { frozenWords } from "./freeze.js";
import { glide } from "./motion.js";
import { readTop } from "./reads.js";
import { makeRow, updateRow } from "./row.js";
import { currentBoard, get, isFinal, watch } from "./store.js";
import { announce } from "./toasts.js";

const GATHER = 220;
const SKELETON_ROWS = 8;

/** @type {Map<string, import("./row.js").Row>} */
const rows = new Map();
let drawnFor = "";
let drawnAt = 0;
let timer = 0;
/** Changes that arrived since the last drawing. @type {Map<string, import("./store.js").Change>} */
const gathered = new Map();
let leader = "";

/** Draws the board and keeps it drawn. */
export function mountBoard() {
  watch(["standings", "player", "boardKey", "seasonId"], () => {
    for (const change of get().standings.changes) if (!gathered.has(change.player_id)) gathered.set(change.player_id, change);
    clearTimeout(timer);
    timer = setTimeout(draw, Math.max(0, drawnAt + GATHER - Date.now()));
  });
  watch(["boards", "boardKey", "seasonId", "seasons", "standings"], drawHead);
}

function drawHead() {
  const { seasonId, seasons, standings } = get();
  const board = currentBoard();
  const season = seasonId === null ? (standings.season ?? board?.season ?? null) : (seasons.find((one) => one.id === seasonId) ?? standings.season);
  const title = board?.title ?? "Standings";
  setText(byId("board-title"), title);
  document.title = `${title} · Scoreboard`;
  const facts = [];
  if (season?.name) facts.push(season.name);
  if (standings.total !== null) facts.push(counted(standings.total, "player"));
  if (season?.ends_at) facts.push(`${isFinal() ? "ended" : "ends"} ${isFinal() ? day(season.ends_at) : moment(season.ends_at)}`);
  fill(byId("board-meta"), ...facts.map((fact) => h("span", {}, fact)));
  const { staleSince: stale, freeze } = standings;
  fill(
    byId("board-notice"),
    stale && h("p", { class: "notice", data: { tone: "warn" } }, `The database is away. These standings are from ${moment(stale)}; they will catch up by themselves.`),
    freeze && h("p", { class: "notice", id: "frozen", data: { tone: freeze.real ? "real" : "frozen" } }, frozenWords(freeze)),
  );
}

function draw() {
  drawnAt = Date.now();
  const { standings, player, boardKey, seasonId } = get();
  const shown = `${boardKey} ${seasonId ?? ""}`;
  if (drawnFor !== shown) {
    for (const row of rows.values()) row.element.remove();
    rows.clear();
    leader = "";
  }
  const quiet = drawnFor !== shown || rows.size === 0;
  drawnFor = shown;
  const body = byId("rows");
  const entries = standings.status === "ready" ? standings.entries : [];
  glide(
    () => (quiet ? [] : Array.from(body.children)),
    () => place(body, entries, player?.id ?? "", quiet),
  );
  gathered.clear();
  byId("ranks").setAttribute("aria-busy", String(standings.status === "loading"));
  byId("ranks").hidden = entries.length === 0;
  fill(byId("board-blank"), entries.length === 0 && blank());
  const total = standings.total ?? entries.length;
  setText(byId("board-foot"), entries.length > 0 && total > entries.length ? `Showing the top ${number(entries.length)} of ${counted(total, "player")}` : "");
  tellLeader(entries, quiet);
}

/** @param {HTMLElement} body @param {import("./store.js").Entry[]} entries @param {string} me @param {boolean} quiet */
function place(body, entries, me, quiet) {
  const present = new Set(entries.map((entry) => entry.player_id));
  for (const [id, row] of rows) {
    if (present.has(id)) continue;
    row.element.remove();
    rows.delete(id);
  }
  const share = shares(entries);
  let position = body.firstElementChild;
  for (const entry of entries) {
    let row = rows.get(entry.player_id);
    if (!row) rows.set(entry.player_id, (row = makeRow(entry)));
    updateRow(row, entry, { mine: entry.player_id === me, share: share(entry.score), change: gathered.get(entry.player_id), quiet });
    if (row.element === position) position = position.nextElementSibling;
    else body.insertBefore(row.element, position);
  }
}

/** How far a row is filled: its score against the leader's, where more is better. @param {import("./store.js").Entry[]} entries */
function shares(entries) {
  const most = Math.max(0, ...entries.map((entry) => entry.score));
  const useful = currentBoard()?.order !== "asc" && most > 0 && entries.every((entry) => entry.score >= 0);
  return (score) => (useful ? score / most : 0);
}

function blank() {
  const { standings } = get();
  if (standings.status === "loading") {
    return h(
      "div",
      { class: "skeleton" },
      h("p", { class: "visually-hidden", role: "status" }, "Loading the standings"),
      Array.from({ length: SKELETON_ROWS }, () => h("div", { class: "skeleton__row", "aria-hidden": "true" }, h("span"), h("span"), h("span"))),
    );
  }
  if (standings.status === "error") {
    return h(
      "div",
      { class: "blank", role: "alert" },
      icon("M12 8v5M12 16.5v.01M12 3 2.5 20h19L12 3Z", "blank__icon"),
      h("p", { class: "blank__title" }, "The standings could not be loaded"),
      h("p", { class: "blank__text" }, standings.problem),
      h("button", { class: "button", type: "button", on: { click: () => readTop() } }, "Try again"),
    );
  }
  return h(
    "div",
    { class: "blank" },
    icon("M8 21h8M12 17v4M7 4h10v5a5 5 0 0 1-10 0V4ZM7 6H4v1a3 3 0 0 0 3 3M17 6h3v1a3 3 0 0 1-3 3", "blank__icon"),
    h("p", { class: "blank__title" }, isFinal() ? "Nobody played in this season" : "Nobody has played yet. Be the first."),
    !isFinal() && h("p", { class: "blank__text" }, get().player ? "Choose something to play; your name appears here the moment it counts." : "Create an account and play; your name appears here the moment it counts."),
  );
}

/** Only a new leader is worth reading out. @param {import("./store.js").Entry[]} entries @param {boolean} quiet */
function tellLeader(entries, quiet) {
  const first = entries[0];
  if (!first) return;
  if (!quiet && leader && leader !== first.player_id) announce(`${first.username} takes the lead with ${number(first.score)}.`);
  leader = first.player_id;
}
