// The live page's state. Nothing else is shared between its modules. Who is logged in (player, restoring, tokens) is kept
// here for the console too, because both pages log in with session.js.

import { observable } from "./observable.js";

/**
 * @typedef {{rank: number, player_id: string, username: string, score: number, reached_at: string}} Entry
 * @typedef {{player_id: string, rank_before: number | null, rank_after: number | null, score_before: number | null, score_after: number | null}} Change
 * @typedef {{id: number, name: string, starts_at: string, ends_at: string | null, status: "scheduled" | "open" | "closing" | "closed"}} Season
 * @typedef {{key: string, title: string, order: "desc" | "asc", operator: string, size: number, season: Season | null}} Board
 * @typedef {{since: string, until: string | null, real: boolean}} Freeze a freeze that is on; real: we see through it
 * @typedef {{status: "loading" | "ready" | "error", entries: Entry[], changes: Change[], total: number | null, epoch: string | null, seq: number | null, season: Season | null, staleSince: string | null, freeze: Freeze | null, changedAt: number, problem: string}} Standings
 * @typedef {"connecting" | "live" | "waiting" | "restarting" | "offline" | "idle" | "paused" | "final"} Phase
 * @typedef {{phase: Phase, retryAt: number, polling: boolean}} Connection
 * @typedef {{id: string, username: string, role: string, status: string}} Player
 * @typedef {{actions: number, points: number, score: number | null, rank: number | null}} Pending points that wait for a check
 * @typedef {{status: "none" | "loading" | "ready" | "unranked" | "error", rank: number | null, score: number, total: number | null, percentile: number | null, around: Entry[], moved: number, pending: Pending | null}} Mine
 */

/** @type {Standings} */
export const NO_STANDINGS = { status: "loading", entries: [], changes: [], total: null, epoch: null, seq: null, season: null, staleSince: null, freeze: null, changedAt: 0, problem: "" };
/** @type {Mine} */
export const NOT_MINE = { status: "none", rank: null, score: 0, total: null, percentile: null, around: [], moved: 0, pending: null };

export const { get, set, watch } = observable({
  /** @type {Board[]} */ boards: [],
  /** @type {string} */ boardKey: "",
  /** @type {Season[]} */ seasons: [],
  /** The closed season that is looked at; null follows the current one. @type {number | null} */ seasonId: null,
  /** @type {Standings} */ standings: NO_STANDINGS,
  /** @type {Connection} */ connection: { phase: "connecting", retryAt: 0, polling: false },
  /** @type {Player | null} */ player: null,
  /** @type {boolean} */ restoring: false,
  /** Counts access tokens, so that the socket hears of a new one; the token itself stays in api.js. */ tokens: 0,
  /** @type {Mine} */ mine: NOT_MINE,
});

/** @returns {Board | undefined} the board that is looked at */
export function currentBoard() {
  return get().boards.find((board) => board.key === get().boardKey);
}

/** @returns {boolean} whether finished standings are looked at, which no longer change */
export function isFinal() {
  return get().seasonId !== null;
}
