// What the analytics tab shows of a report: figures, plots, the funnel and the kinds.

import { h } from "../app/dom.js";
import { counted, number, span } from "../app/format.js";
import { bars } from "./share.js";
import { seriesFigure } from "./series.js";
import { percent } from "./words.js";

const LENGTHS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const LATE = 30;
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/**
 * @typedef {{created: number, completed: number, held: number, rejected: number, voided: number, abandoned: number, points: number}} Counts
 * @typedef {Counts & {starts: string, players: number | null}} Span
 * @typedef {{step: "minute" | "hour" | "day", since: string, until: string, kind: string | null, spans: Span[], kinds: (Counts & {kind: string})[],
 *   totals: Counts & {unended: number}, counted: {results_behind: number, results_age_s: number, created: string | null, abandoned: string | null}}} Report
 * @param {Report} report
 * @param {Report} active the one that says how many players were active
 * @returns {(Node | null | false)[]}
 */
export function analyticsParts(report, active) {
  const { totals, counted: told } = report;
  const nothing = totals.created + totals.completed + totals.held + totals.rejected + totals.voided === 0;
  return [
    told.results_behind > 0 &&
      told.results_age_s > LATE &&
      h("p", { class: "notice", data: { tone: "warn" } }, `${counted(told.results_behind, "result")} are not counted yet, the oldest for ${span(told.results_age_s)}.`),
    tiles(report, active),
    nothing
      ? h(
          "div",
          { class: "card blank" },
          h("p", { class: "blank__title" }, "Nothing was played in this time"),
          h("p", { class: "blank__text" }, report.kind ? `No action of the kind ${report.kind}. Choose another kind or a longer time.` : "Choose a longer time, or wait for the first player."),
        )
      : h(
          "div",
          { class: "panels" },
          panel(`Actions per ${report.step}`, actions(report), "panel--wide"),
          panel("What becomes of attempts", funnel(report)),
          panel("Points per kind", perKind(report)),
          panel(`Active players per ${active.step}`, players(active), "panel--wide"),
          panel(`Points per ${report.step}`, points(report), "panel--wide"),
        ),
    h("p", { class: "fine insight__fine" }, "Times are in UTC. A result is counted where it came, also when a moderator decides about it later; points are those of results that count."),
  ];
}

/** @param {string} title @param {Node} content @param {string} [look] */
function panel(title, content, look = "") {
  return h("section", { class: `card panel ${look}`, "aria-label": title }, h("h2", { class: "panel__title" }, title), content);
}

/** @param {Report} report @param {Report} active */
function tiles(report, active) {
  const { totals, spans, step, counted: told } = report;
  const both = settled(report);
  const tile = (value, label) => h("div", { class: "tile" }, h("dd", { class: "tile__value" }, value), h("dt", { class: "tile__label" }, label));
  const whole = spans.slice(0, -1);
  const last = whole[whole.length - 1];
  const busiest = Math.max(0, ...active.spans.map((each) => each.players ?? 0));
  return h(
    "dl",
    { class: "tiles" },
    tile(number(totals.created), step === "minute" && told.created !== null ? `begun, counted until ${CLOCK.format(Date.parse(told.created))}` : "begun"),
    tile(number(totals.completed), both.created > 0 ? `completed, ${percent(Math.min(1, both.completed / both.created))}` : "completed"),
    tile(COMPACT.format(totals.points), "points"),
    tile(number(busiest), `players in the busiest ${active.step}`),
    tile(last ? number(last.completed) : "–", step === "minute" ? "completed in the last minute" : `completed in the last whole ${step}`),
  );
}

/** @param {Report} report */
function actions({ spans, step, counted: told }) {
  const until = told.created === null ? 0 : Date.parse(told.created);
  const times = starts(spans);
  return seriesFigure({
    caption: `Actions begun and completed per ${step}`,
    times,
    step: LENGTHS[step],
    zone: "UTC",
    height: 230,
    least: 4,
    format: COMPACT.format,
    words: said("completed", spans, (each) => each.completed, step),
    lines: [
      { name: "completed", look: "main", area: true, values: ended(spans, step, (each) => each.completed) },
      // Attempts are counted a little later: what is not counted yet is not drawn as nothing.
      { name: "begun", look: "soft", values: ended(spans, step, (each) => (step === "minute" && Date.parse(each.starts) + LENGTHS[step] > until ? null : each.created)) },
      { name: "held, rejected or taken back", look: "warn", values: ended(spans, step, (each) => each.held + each.rejected + each.voided) },
    ],
  });
}

/** @param {Report} report */
function players({ spans, step }) {
  return seriesFigure({
    caption: `Active players per ${step}`,
    times: starts(spans),
    step: LENGTHS[step],
    zone: "UTC",
    least: 4,
    format: COMPACT.format,
    words: said("active", spans, (each) => each.players ?? 0, step),
    lines: [{ name: "players", look: "main", area: true, values: spans.map((each) => each.players) }],
  });
}

/** @param {Report} report */
function points({ spans, step }) {
  return seriesFigure({
    caption: `Points per ${step}`,
    times: starts(spans),
    step: LENGTHS[step],
    zone: "UTC",
    least: 4,
    format: COMPACT.format,
    words: said("points", spans, (each) => each.points, step),
    lines: [{ name: "points", look: "main", area: true, values: ended(spans, step, (each) => each.points) }],
  });
}

/**
 * A minute that is not over would look like a fall; an hour or a day is worth seeing before it ends.
 * @param {Span[]} spans @param {string} step @param {(span: Span) => number | null} value
 */
function ended(spans, step, value) {
  return spans.map((each, place) => (step === "minute" && place === spans.length - 1 ? null : value(each)));
}

/** @param {Span[]} spans */
function starts(spans) {
  return spans.map((each) => Date.parse(each.starts));
}

/** @param {string} what @param {Span[]} spans @param {(span: Span) => number} value @param {string} step */
function said(what, spans, value, step) {
  const values = spans.map(value);
  const most = Math.max(...values);
  const when = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", ...(step === "day" ? {} : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }), timeZone: "UTC" });
  return most <= 0 ? "None in this time." : `At most ${number(most)} ${what}, on ${when.format(Date.parse(spans[values.indexOf(most)].starts))}.`;
}

/**
 * Attempts are counted a little later than results: of an hour only the minutes in which both are count.
 * @param {Report} report @returns {Counts & {unended: number}}
 */
function settled({ totals, spans, step, counted: told }) {
  const until = told.created === null ? 0 : Date.parse(told.created);
  return step === "minute" ? added(spans.filter((each) => Date.parse(each.starts) + LENGTHS.minute <= until)) : totals;
}

/** @param {Report} report */
function funnel(report) {
  const whole = settled(report);
  return bars(
    "What becomes of attempts",
    [
      { name: "Begun", value: whole.created, tone: "whole" },
      { name: "Completed", value: whole.completed, tone: "good" },
      { name: "Held", value: whole.held, note: "waits for a moderator", tone: "warn" },
      { name: "Rejected", value: whole.rejected, note: "by a moderator", tone: "bad" },
      { name: "Taken back", value: whole.voided, note: "counted before", tone: "bad" },
      { name: "Abandoned", value: whole.abandoned, note: "nobody finished it" },
      { name: "Under way", value: whole.unended, note: "nothing is known yet" },
    ],
    whole.created || whole.completed,
  );
}

/** @param {Span[]} spans @returns {Counts & {unended: number}} */
function added(spans) {
  const sum = (name) => spans.reduce((all, each) => all + each[name], 0);
  const [created, completed, held, rejected] = ["created", "completed", "held", "rejected"].map(sum);
  const [voided, abandoned, points] = ["voided", "abandoned", "points"].map(sum);
  const unended = Math.max(0, created - completed - held - rejected - voided - abandoned);
  return { created, completed, held, rejected, voided, abandoned, points, unended };
}

/** @param {Report} report */
function perKind({ kinds }) {
  const most = Math.max(0, ...kinds.map((each) => each.points));
  const shown = kinds.slice(0, 10);
  return h(
    "div",
    {},
    bars("Points per kind", shown.map((each) => ({ name: each.kind, value: each.points, note: `${counted(each.completed, "time")} completed` })), most, false),
    kinds.length > shown.length && h("p", { class: "fine" }, `and ${counted(kinds.length - shown.length, "more kind")}; the CSV has all of them`),
  );
}
