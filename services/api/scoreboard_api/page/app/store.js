// The page's state in one place. Parts write with `set`, views redraw when a key they named has changed. Nothing else is
// shared between modules.

/**
 * @typedef {{rank: number, player_id: string, username: string, score: number, reached_at: string}} Entry
 * @typedef {{player_id: string, rank_before: number | null, rank_after: number | null, score_before: number | null, score_after: number | null}} Change
 * @typedef {{id: number, name: string, starts_at: string, ends_at: string | null, status: "scheduled" | "open" | "closing" | "closed"}} Season
 * @typedef {{key: string, title: string, order: "desc" | "asc", operator: string, size: number, season: Season | null}} Board
 * @typedef {{status: "loading" | "ready" | "error", entries: Entry[], changes: Change[], total: number | null, epoch: string | null, seq: number | null, season: Season | null, staleSince: string | null, changedAt: number, problem: string}} Standings
 * @typedef {"connecting" | "live" | "waiting" | "restarting" | "offline" | "idle" | "paused" | "final"} Phase
 * @typedef {{phase: Phase, retryAt: number, polling: boolean}} Connection
 * @typedef {{id: string, username: string, role: string, status: string}} Player
 * @typedef {{status: "none" | "loading" | "ready" | "unranked" | "error", rank: number | null, score: number, total: number | null, percentile: number | null, around: Entry[], moved: number}} Mine
 */

/** @type {Standings} */
export const NO_STANDINGS = { status: "loading", entries: [], changes: [], total: null, epoch: null, seq: null, season: null, staleSince: null, changedAt: 0, problem: "" };
/** @type {Mine} */
export const NOT_MINE = { status: "none", rank: null, score: 0, total: null, percentile: null, around: [], moved: 0 };

const state = {
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
};

/** @type {{keys: Set<string>, listener: () => void}[]} */
const listeners = [];

/** @returns {Readonly<typeof state>} */
export function get() {
  return state;
}

/**
 * Changes some keys and tells the views that named one of them.
 * @param {Partial<typeof state>} patch
 */
export function set(patch) {
  const changed = Object.keys(patch).filter((key) => state[key] !== patch[key]);
  if (changed.length === 0) return;
  Object.assign(state, patch);
  for (const { keys, listener } of listeners) if (changed.some((key) => keys.has(key))) listener();
}

/**
 * Calls `listener` now and whenever one of the keys changes.
 * @param {(keyof typeof state)[]} keys
 * @param {() => void} listener
 */
export function watch(keys, listener) {
  listeners.push({ keys: new Set(keys), listener });
  listener();
}

/** @returns {Board | undefined} the board that is looked at */
export function currentBoard() {
  return state.boards.find((board) => board.key === state.boardKey);
}

/** @returns {boolean} whether finished standings are looked at, which no longer change */
export function isFinal() {
  return state.seasonId !== null;
}
