// The console's state. Who is signed in is in store.js, which the live page's session code fills.

import { observable } from "../app/observable.js";

/**
 * @typedef {"review" | "players" | "corrections" | "health" | "analytics" | "status"} Tab
 * @typedef {"open" | "mine" | "decided"} Filter
 * @typedef {{tab: Tab, filter: Filter, range: string, caseId: string, playerId: string, correctionId: string, kind: string}} Place where the moderator is, as the address says
 * @typedef {{id: string, username: string}} Person
 * @typedef {{id: string, number: number, player: Person & {status: string, protected: boolean}, source: string, verdict: string, status: string,
 *   priority: number, stakes: string[], signals: {signal: string, words: string}[], probability: number | null, held: {actions: number, points: number},
 *   opened_at: string, updated_at: string, due_at: string, auto_release: boolean, claim: {by: Person, until: string} | null,
 *   proposal: {decision: string, by: Person, at: string} | null, decision: {decision: string, by: Person | null, at: string, note: string | null} | null,
 *   appeal_of: string | null}} Case
 * @typedef {Case & {evidence: any, may: {claim: boolean, decide: string[], second_needed: boolean, lifts: boolean}}} OpenCase
 * @typedef {{open: number, mine: number, overdue: number, oldest_age_s: number | null, held_actions: number}} Counts
 * @typedef {{status: "loading" | "ready" | "error", filter: Filter, first: Case[], later: Case[], next: string | null, counts: Counts | null, problem: string}} Queue
 * @typedef {{status: "none" | "loading" | "ready" | "error", id: string, data: OpenCase | null, problem: string}} Opened
 */

/** @type {Queue} */
export const NO_QUEUE = { status: "loading", filter: "open", first: [], later: [], next: null, counts: null, problem: "" };
/** @type {Opened} */
export const NO_CASE = { status: "none", id: "", data: null, problem: "" };

export const desk = observable({
  /** @type {Place} */ place: { tab: "review", filter: "open", range: "hour", caseId: "", playerId: "", correctionId: "", kind: "" },
  /** @type {Queue} */ queue: NO_QUEUE,
  /** @type {Opened} */ opened: NO_CASE,
  /** The case on which j and k stand. */ cursor: "",
});

/** @returns {OpenCase | null} the case that is shown; not the one that was, after one has left it */
export function shownCase() {
  const { opened, place } = desk.get();
  return place.tab === "review" && opened.id === place.caseId ? opened.data : null;
}

/** @returns {Case[]} what the queue shows, in its order */
export function cases() {
  const { first, later } = desk.get().queue;
  const seen = new Set(first.map((each) => each.id));
  return [...first, ...later.filter((each) => !seen.has(each.id))];
}
