// Turns live messages into state. Every board message carries the whole visible top, so a gap needs no repair: the newest
// sequence of the newest epoch wins.

import { openAppeal } from "./appeal.js";
import { number, ordinal } from "./format.js";
import { turnWords } from "./freeze.js";
import { lastChange, readMineSoon, readSeasons, readTop } from "./reads.js";
import { get, isFinal, set } from "./store.js";
import { announce, toast } from "./toasts.js";

/**
 * Takes one envelope of the live protocol.
 * @param {any} message
 */
export function takeMessage(message) {
  const ours = message.channel === `board:${get().boardKey}` && !isFinal();
  switch (message.type) {
    case "leaderboard.initial":
    case "leaderboard.update":
      if (ours) takeBoard(message);
      break;
    case "score.update":
      takeScore(message.data);
      break;
    case "rank.change":
      takeRank(message.data);
      break;
    case "correction":
      if (ours || message.channel === "me") {
        toast(message.data?.undone ? "A moderator took a correction back: points count again." : "A moderator corrected the standings.");
        refresh();
      }
      break;
    case "job.completed":
      readMineSoon();
      break;
  }
}

/** @param {any} message */
function takeBoard(message) {
  const now = get().standings;
  const turned = now.season !== null && now.season.id !== message.season;
  if (!turned && message.epoch === now.epoch && now.seq !== null && message.seq < now.seq) return;
  const moved = message.epoch !== now.epoch || message.seq !== now.seq || now.status !== "ready";
  set({
    standings: {
      ...now,
      status: "ready",
      entries: message.data,
      changes: message.change_info ?? [],
      total: message.info?.total ?? now.total,
      epoch: message.epoch,
      seq: message.seq,
      season: turned ? null : now.season,
      staleSince: message.info?.stale_since ?? null,
      freeze: message.info?.freeze ?? null,
      changedAt: moved ? lastChange(now, message.data) : now.changedAt,
      problem: "",
    },
  });
  if (now.status === "ready" && !turned) tellTurn(now.freeze, message.info?.freeze ?? null);
  if (turned) {
    toast("A new season has begun.");
    readSeasons();
    refresh();
  }
  // Others move, so neighbours may change; who has no score yet stays without one until a message of their own.
  if (get().player && get().mine.status !== "unranked") readMineSoon();
}

/** @param {import("./store.js").Freeze | null} before @param {import("./store.js").Freeze | null} after */
function tellTurn(before, after) {
  const words = turnWords(before, after);
  if (words) toast(words, after === null ? "good" : "plain");
}

/** @param {{board: string | null, status: string, entry_type: string, score: {current: number | null} | null, rank: {previous: number | null, current: number | null} | null}} data */
function takeScore(data) {
  if (data.entry_type === "released") toast("Your points were checked and count.", "good");
  if (data.entry_type === "rejected") toast("Points that were waiting for a check do not count.", "bad", true, { label: "Ask for another look", run: () => openAppeal() });
  if (data.status !== "completed") return readMineSoon();
  if (data.board !== get().boardKey || isFinal()) return;
  const { mine } = get();
  set({ mine: { ...mine, status: mine.status === "none" ? "loading" : mine.status, score: data.score?.current ?? mine.score, rank: data.rank?.current ?? mine.rank } });
  readMineSoon();
}

/** @param {{board: string, rank: {previous: number | null, current: number | null}}} data a rank of null: no longer on the board */
function takeRank(data) {
  if (data.board !== get().boardKey || isFinal()) return;
  const { previous, current } = data.rank;
  const { mine } = get();
  set({ mine: { ...mine, rank: current, moved: previous === null || current === null ? 0 : previous - current } });
  if (previous !== null && current !== null && previous !== current) announce(`You are now ${ordinal(current)}, ${previous > current ? "up" : "down"} from ${number(previous)}.`);
  readMineSoon();
}

function refresh() {
  readTop();
  readMineSoon();
}
