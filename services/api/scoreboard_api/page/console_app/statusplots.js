// The main figures: each with its value, its light and the last hour of it.

import { h } from "../app/dom.js";
import { number } from "../app/format.js";
import { light } from "./lights.js";
import { seriesFigure } from "./series.js";
import { length, percent } from "./words.js";

const FEWEST = 20;
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} value */
const rate = (value) => (value < 10 ? String(Number(value.toFixed(1))) : COMPACT.format(value));
/** @param {number} value */
const share = (value) => (value > 0 && value < 0.0005 ? "<0.1%" : value < 0.1 ? `${Number((value * 100).toFixed(1))}%` : percent(value));
/** @param {number} value */
const whole = (value) => COMPACT.format(value);
/** @param {number} value */
const seconds = (value) => (value === 0 ? "0 s" : length(value));

/**
 * @typedef {{title: string, says: string, figures: [string, string][], format: (value: number) => string, least: number, none?: string}} Plot
 * `figures`: names in the answer, and what their lines are called; the first one's value is the headline
 */
/** @type {Plot[]} */
const PLOTS = [
  { title: "Requests", says: "per second", figures: [["requests_per_s", "requests per second"]], format: rate, least: 1 },
  { title: "Errors", says: "of requests are answered with 5xx", figures: [["error_share", "share of errors"]], format: share, least: 0.01, none: "no requests" },
  {
    title: "Completing an action",
    says: "for 99 of 100",
    figures: [
      ["completion_p99_s", "99 of 100 within"],
      ["completion_p50_s", "half within"],
    ],
    format: seconds,
    least: 0.02,
    none: "nothing was completed in the last minute",
  },
  {
    title: "From commit to browser",
    says: "for 99 of 100",
    figures: [
      ["broadcast_p99_s", "99 of 100 within"],
      ["broadcast_p50_s", "half within"],
    ],
    format: seconds,
    least: 0.02,
    none: "nobody watched in the last minute",
  },
  { title: "Live connections", says: "open", figures: [["connections", "connections"]], format: whole, least: 4 },
  { title: "Waiting to be announced", says: "the oldest saved result", figures: [["outbox_age_s", "age of the oldest"]], format: seconds, least: 1 },
  { title: "Stream", says: "items not read yet", figures: [["stream_lag", "items"]], format: whole, least: 4 },
  {
    title: "Review queue",
    says: "open cases",
    figures: [
      ["reviews", "open"],
      ["reviews_overdue", "overdue"],
    ],
    format: whole,
    least: 4,
  },
  { title: "Model", says: "ledger entries behind", figures: [["model_behind", "entries"]], format: whole, least: 10, none: "no model runs" },
  { title: "Model's features", says: "have shifted from honest people's", figures: [["features_shifted", "features"]], format: whole, least: 4, none: "no model runs" },
  { title: "Leaderboards", says: "entries differed from the database in ten minutes", figures: [["drifted", "entries"]], format: whole, least: 4 },
];
const LOOKS = ["main", "soft"];

/** @param {any[]} figures @param {{slot_s: number, names: string[], points: {at: string, values: (number | null)[]}[]}} plots */
export function figuresPart(figures, plots) {
  const now = new Map(figures.map((each) => [each.name, each]));
  // The present slot is not over: what it has counted so far would look like a fall.
  const whole = plots.points.slice(0, -1);
  // A young platform has no hour behind it yet.
  const first = whole.findIndex((point) => point.values.some((value) => value !== null));
  const points = whole.slice(first < 0 ? 0 : Math.max(0, Math.min(first, whole.length - FEWEST)));
  const times = points.map((point) => Date.parse(point.at));
  const values = new Map(plots.names.map((name, place) => [name, points.map((point) => point.values[place])]));
  return h(
    "div",
    { class: "gauges" },
    PLOTS.map((plot) => gauge(plot, now, times, values, plots.slot_s * 1000)),
  );
}

/** @param {Plot} plot @param {Map<string, any>} now @param {number[]} times @param {Map<string, (number | null)[]>} values @param {number} step */
function gauge({ title, says, figures, format, least, none = "nobody tells" }, now, times, values, step) {
  const known = figures.map(([name]) => now.get(name)).filter(Boolean);
  const [first] = known;
  const worst = ["bad", "warn", "good"].find((tone) => known.some((each) => each.light === tone)) ?? "unknown";
  const lines = figures.map(([name, called], place) => ({ name: called, look: LOOKS[place], area: place === 0, values: values.get(name) ?? [] }));
  const drawn = lines.some((line) => line.values.some((value) => value !== null));
  const limit = figures.length > 1 && figures[1][0] === "reviews_overdue" ? null : (first?.warn ?? first?.bad ?? null);
  return h(
    "section",
    { class: "card panel gauge", "aria-label": title },
    h("div", { class: "gauge__head" }, h("h2", { class: "panel__title" }, title), light(worst)),
    first && first.value !== null
      ? h("p", { class: "gauge__now" }, h("b", {}, format(first.value)), h("span", { class: "gauge__says" }, ` ${says}${bound(first, format, limit)}`))
      : h("p", { class: "gauge__now gauge__now--none" }, h("b", {}, "–"), h("span", { class: "gauge__says" }, ` ${none}`)),
    drawn
      ? seriesFigure({ caption: `${title}, the last hour`, words: summary(lines[0], format), times, lines, format, height: 120, limit, least, step })
      : h("p", { class: "quiet gauge__empty" }, "Nothing to draw in the last hour."),
  );
}

/** @param {{values: (number | null)[]}} line @param {(value: number) => string} format */
function summary({ values }, format) {
  const known = /** @type {number[]} */ (values.filter((value) => value !== null));
  return known.length === 0 ? "" : `In the last hour at most ${format(Math.max(...known))}.`;
}

/** @param {any} figure @param {(value: number) => string} format @param {number | null} limit */
function bound(figure, format, limit) {
  return figure.light === "warn" || figure.light === "bad" ? `; more than ${limit !== null && limit > 0 ? format(limit) : number(0)} is too much` : "";
}
