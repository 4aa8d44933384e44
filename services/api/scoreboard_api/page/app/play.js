// Playing one action: start, wait its minimum time, hand it in. Knows stages and keys, no elements; playview.js draws it.

import { call, newKey } from "./api.js";
import { Code } from "./codes.js";
import { Problem } from "./problems.js";
import { readMineSoon } from "./reads.js";
import { canSign, sign } from "./signing.js";

/**
 * @typedef {{key: string, title: string, points: number | null, min_points: number | null, max_points: number | null, cooldown_s: number,
 *   min_duration_s: number, direct: boolean, enabled: boolean, boards: string[], signature: string}} Kind
 * @typedef {"choose" | "starting" | "running" | "completing" | "unsure" | "done"} Stage
 */

export const play = {
  /** @type {Kind[]} */ kinds: [],
  /** @type {string} */ kindKey: "",
  /** @type {Stage} */ stage: "choose",
  /** @type {any} the created action */ action: null,
  /** Milliseconds; handing in earlier is refused. */ readyAt: 0,
  /** @type {number | null} what the player reports, for kinds with a range */ points: null,
  /** @type {any} the completion reply */ result: null,
  /** @type {unknown} */ failure: null,
  /** Milliseconds per kind until which it rests. @type {Map<string, number>} */ restsUntil: new Map(),
};

let onChange = () => {};
/** One intended write keeps its key through every repetition. */
let intent = { id: "", key: "" };

/** @param {() => void} listener called whenever `play` changed */
export function onPlayChange(listener) {
  onChange = listener;
}

/** Reads what can be played. @throws {Problem} */
export async function readKinds() {
  const kinds = (await call("GET", "/action-kinds", { player: true })).items;
  const enabled = kinds.filter((kind) => kind.enabled);
  change({ kinds: enabled, kindKey: play.kindKey || (enabled[0]?.key ?? "") });
}

/** @returns {Kind | undefined} */
export function chosenKind() {
  return play.kinds.find((kind) => kind.key === play.kindKey);
}

/** @param {Kind} kind @returns {boolean} whether the player reports the points */
export function isRanged(kind) {
  return kind.points === null;
}

/** @param {Kind} kind @returns {boolean} whether this browser cannot play it, for want of WebCrypto over plain http */
export function isBarred(kind) {
  return kind.signature === "required" && !canSign();
}

/** @param {string} key */
export function choose(key) {
  change({ kindKey: key, stage: "choose", failure: null, result: null, action: null, points: null });
}

/** @returns {number} what the slider stands on: the last choice, else a middling result */
export function reportedPoints() {
  const kind = chosenKind();
  if (!kind) return 0;
  const [least, most] = [kind.min_points ?? 0, kind.max_points ?? 100];
  return play.points ?? Math.round(least + (most - least) * 0.6);
}

/** Starts the chosen kind; a kind without a first phase is handed in at once. */
export async function start() {
  const kind = chosenKind();
  if (!kind || play.stage === "starting" || play.stage === "running" || play.stage === "completing") return;
  change({ failure: null, result: null, action: null, points: isRanged(kind) ? reportedPoints() : null });
  intent = { id: newKey(), key: newKey() };
  if (kind.direct) return complete();
  change({ stage: "starting" });
  try {
    const action = await call("POST", "/actions", { body: { kind: kind.key }, player: true, key: newKey(), sign });
    intent = { id: action.action_id, key: newKey() };
    change({ stage: "running", action, readyAt: Date.now() + action.min_duration_s * 1000 });
  } catch (failure) {
    refuse(kind, failure, "choose");
  }
}

/** Hands the action in. After a lost answer the same call repeats it, and it still counts once. */
export async function complete() {
  const kind = chosenKind();
  if (!kind || play.stage === "completing") return;
  change({ stage: "completing", failure: null });
  const reported = isRanged(kind) ? { points: play.points } : {};
  const options = { player: true, key: intent.key, sign };
  try {
    const result = play.action
      ? await call("POST", `/actions/${intent.id}/complete`, { ...options, body: { action_token: play.action.action_token, ...reported } })
      : await call("POST", "/scores/update", { ...options, body: { action_id: intent.id, kind: kind.key, ...reported } });
    finish(kind, result);
  } catch (failure) {
    if (failure instanceof Problem && failure.code === Code.ALREADY_COMPLETED && failure.result) finish(kind, failure.result);
    else if (failure instanceof Problem && failure.code === Code.ACTION_TOO_EARLY && play.action) {
      change({ stage: "running", failure, readyAt: Date.now() + (failure.retryAfter ?? 1) * 1000 });
    } else if (failure instanceof Problem && failure.outcomeUnknown) change({ stage: "unsure", failure });
    else if (failure instanceof Problem && failure.code === Code.INVALID_SCORE && play.action) change({ stage: "running", failure });
    else refuse(kind, failure, "choose");
  }
}

/** Forgets everything, for the next player at this browser. */
export function resetPlay() {
  play.restsUntil.clear();
  change({ stage: "choose", action: null, result: null, failure: null, points: null });
}

/** @param {Kind} kind @param {any} result */
function finish(kind, result) {
  if (kind.cooldown_s > 0) play.restsUntil.set(kind.key, Date.now() + kind.cooldown_s * 1000);
  change({ stage: "done", result, action: null });
  readMineSoon();
}

/** @param {Kind} kind @param {unknown} failure @param {Stage} stage */
function refuse(kind, failure, stage) {
  const rest = failure instanceof Problem && (failure.code === Code.COOLDOWN || failure.code === Code.ACTION_LIMIT) ? failure.retryAfter : null;
  if (rest !== null) play.restsUntil.set(kind.key, Date.now() + rest * 1000);
  change({ stage, failure, action: null });
}

/** @param {Partial<typeof play>} patch */
function change(patch) {
  Object.assign(play, patch);
  onChange();
}
