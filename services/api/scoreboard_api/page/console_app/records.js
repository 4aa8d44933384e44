// What else is known about the case: held results, standings, reports, the appeal, earlier cases.

import { h } from "../app/dom.js";
import { counted, number, signed } from "../app/format.js";
import { address } from "./address.js";
import { end, table } from "./table.js";
import { DECISIONS, instant, REASONS } from "./words.js";

const SHOWN = 8;

/** @param {{board: string, title: string, season: number, rank: number | null, score: number | null, provisional_score: number | null, provisional_rank: number | null}[]} standings */
export function standingsPart(standings) {
  if (standings.length === 0) return null;
  const rows = standings.map((each) => [
    each.title,
    place(each.rank),
    points(each.score),
    each.provisional_rank === null && each.provisional_score === null ? "–" : `${place(each.provisional_rank)} · ${points(each.provisional_score)}`,
  ]);
  return [
    h("h3", { class: "part__title" }, "Standings"),
    table("Standings now, and with the held points", ["Board", end("Rank"), end("Score"), end("If released")], rows),
  ];
}

const place = (rank) => (rank === null ? "–" : number(rank));
const points = (score) => (score === null ? "–" : number(score));

/**
 * @param {{action_id: string, kind: string, points: number, at: string}[]} held the latest, oldest first
 * @param {{actions: number, points: number}} total of all
 */
export function heldPart(held, total) {
  if (held.length === 0) return null;
  const rows = [...held].reverse().map((each) => [instant(each.at), each.kind, signed(each.points)]);
  const shown = table("Held results", ["When", "What", end("Points")], rows.slice(0, SHOWN));
  const rest =
    rows.length > SHOWN &&
    h(
      "details",
      { class: "folded" },
      h("summary", {}, `${number(rows.length - SHOWN)} more`),
      table("The other held results", ["When", "What", end("Points")], rows.slice(SHOWN)),
    );
  return [h("h3", { class: "part__title" }, `Held: ${counted(total.actions, "result")}, ${signed(total.points)}`), shown, rest];
}

/** @param {{at: string, words: string} | null} appeal */
export function appealPart(appeal) {
  if (!appeal) return null;
  return [
    h("h3", { class: "part__title" }, "The player's own words"),
    h("blockquote", { class: "words" }, appeal.words),
    h("p", { class: "case__facts" }, instant(appeal.at)),
  ];
}

/** @param {{at: string, by: {username: string} | string, reason: string, note: string}[]} reports */
export function reportsPart(reports) {
  if (reports.length === 0) return null;
  const who = (by) => (typeof by === "string" ? by : (by?.username ?? "somebody"));
  return [
    h("h3", { class: "part__title" }, counted(reports.length, "report")),
    h(
      "ul",
      { class: "quotes" },
      reports.map((each) =>
        h(
          "li",
          {},
          h("p", { class: "quotes__head" }, `${REASONS[each.reason] ?? each.reason} · ${who(each.by)} · ${instant(each.at)}`),
          each.note !== "" && h("blockquote", { class: "words" }, each.note),
        ),
      ),
    ),
  ];
}

/** @param {{id: string, number: number, decision: string | null, at: string}[]} earlier */
export function earlierPart(earlier) {
  if (earlier.length === 0) return null;
  return [
    h("h3", { class: "part__title" }, "Earlier cases"),
    h(
      "ul",
      { class: "quotes" },
      earlier.map((each) =>
        h(
          "li",
          {},
          h("a", { class: "link", href: address({ filter: "decided", caseId: each.id }) }, `Case ${each.number}`),
          ` ${(each.decision && DECISIONS[each.decision]) ?? "Open"} · ${instant(each.at)}`,
        ),
      ),
    ),
  ];
}
