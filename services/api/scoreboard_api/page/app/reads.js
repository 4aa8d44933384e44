// Reads standings over HTTP into the store: the first paint, finished seasons, one's own standing, and everything while the
// live connection is away.

import { call } from "./api.js";
import { Problem, sentence } from "./problems.js";
import { get, isFinal, NO_STANDINGS, set } from "./store.js";

const FINAL_ENTRIES = 100;
const MINE_EVERY = 1500;

let mineTimer = 0;
let mineReadAt = 0;

/** Reads the list of boards. @throws {Problem} */
export async function readBoards() {
  set({ boards: (await call("GET", "/boards", { player: true })).items });
}

/** Reads the seasons of the current board; without them the choice is simply not offered. */
export async function readSeasons() {
  const key = get().boardKey;
  try {
    const seasons = (await call("GET", `/boards/${encodeURIComponent(key)}/seasons`, { player: true })).items;
    if (get().boardKey === key) set({ seasons });
  } catch {
    if (get().boardKey === key) set({ seasons: [] });
  }
}

/**
 * Reads the visible top of the current board or season. A reply that the live connection has overtaken is dropped.
 * @returns {Promise<boolean>} whether the server answered
 */
export async function readTop() {
  const { boardKey, seasonId } = get();
  // The board's own size is the server's to know: this may be asked before the boards were read.
  const query = seasonId === null ? "" : `?limit=${FINAL_ENTRIES}&season=${seasonId}`;
  try {
    const top = await call("GET", `/boards/${encodeURIComponent(boardKey)}/top${query}`, { player: true });
    if (get().boardKey === boardKey && get().seasonId === seasonId) takeTop(top);
    return true;
  } catch (failure) {
    if (get().boardKey === boardKey && get().standings.status !== "ready") {
      set({ standings: { ...NO_STANDINGS, status: "error", problem: sentence(failure) } });
    }
    return !(failure instanceof Problem && failure.outcomeUnknown);
  }
}

/** Reads one's own standing and neighbours soon; calls in quick succession become one. */
export function readMineSoon() {
  clearTimeout(mineTimer);
  mineTimer = setTimeout(readMine, Math.max(50, mineReadAt + MINE_EVERY - Date.now()));
}

async function readMine() {
  const { player, boardKey, seasonId } = get();
  if (!player) return;
  mineReadAt = Date.now();
  const board = `/boards/${encodeURIComponent(boardKey)}`;
  const season = seasonId === null ? "" : `season=${seasonId}`;
  const stillAsked = () => get().player === player && get().boardKey === boardKey && get().seasonId === seasonId;
  try {
    const standing = await call("GET", `${board}/me?${season}`, { player: true });
    if (standing.score === null) {
      // Nothing counts yet, but points wait for a check.
      if (stillAsked()) set({ mine: { ...get().mine, status: "unranked", rank: null, around: [], pending: standing.pending } });
      return;
    }
    if (standing.rank === null) {
      // First points during a freeze: they count, and the rank is told with the reveal.
      const { score, total, pending } = standing;
      if (!stillAsked()) return;
      set({ mine: { ...get().mine, status: "ready", rank: null, score, total, percentile: null, around: [], moved: 0, pending } });
      // The board is revealed already, and who answered has not noticed yet: nothing else would make us ask again.
      const { status, freeze } = get().standings;
      if (standing.freeze && status === "ready" && freeze === null && !isFinal()) readMineSoon();
      return;
    }
    const around = await call("GET", `${board}/around?radius=2&${season}`, { player: true });
    if (!stillAsked()) return;
    const { rank, score, total, percentile, pending } = standing;
    set({ mine: { status: "ready", rank, score, total, percentile, around: around.entries, moved: get().mine.moved, pending } });
    if (!isFinal() && get().standings.total !== total) set({ standings: { ...get().standings, total } });
  } catch (failure) {
    if (!stillAsked()) return;
    if (failure instanceof Problem && failure.status === 404) set({ mine: { ...get().mine, status: "unranked", rank: null, around: [], pending: null } });
    else if (get().mine.status === "loading") set({ mine: { ...get().mine, status: "error" } });
  }
}

/**
 * When a board last changed: now, when it changed under our eyes; for a first look, when the newest of its scores was reached.
 * @param {import("./store.js").Standings} before
 * @param {import("./store.js").Entry[]} entries
 * @returns {number} milliseconds, 0 for never
 */
export function lastChange(before, entries) {
  if (before.status === "ready") return Date.now();
  return Math.min(Date.now(), Math.max(0, ...entries.map((entry) => Date.parse(entry.reached_at) || 0)));
}

/** @param {any} top the API's reply */
function takeTop(top) {
  const now = get().standings;
  const live = get().connection.phase === "live" && now.status === "ready";
  if (live && top.epoch !== now.epoch) return;
  if (top.epoch === now.epoch && now.seq !== null && top.seq < now.seq) return;
  const changed = now.status !== "ready" || now.epoch !== top.epoch || now.seq !== top.seq;
  set({
    standings: {
      status: "ready",
      entries: top.entries,
      changes: [],
      total: top.total,
      epoch: top.epoch,
      seq: top.seq,
      season: top.season,
      staleSince: top.stale_since ?? null,
      freeze: top.freeze ?? null,
      changedAt: changed ? lastChange(now, top.entries) : now.changedAt,
      problem: "",
    },
  });
}
