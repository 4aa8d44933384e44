// Verdicts of each day as stacked columns, and how many of them people confirmed.

import { counted } from "../app/format.js";
import { figure, linear, rule, s, word } from "./svg.js";
import { end, folded } from "./table.js";

const HEIGHT = 220;
const EDGE = { left: 40, right: 8, top: 12, bottom: 28 };
const SHOWN = 30;
const DAY_MS = 86_400_000;
const STACK = ["flag", "hold", "suspend"];
const NAMES = {
  flag: "flagged",
  hold: "held",
  suspend: "suspended",
  released: "released",
  rejected: "rejected",
  banned: "banned",
  dismissed: "dismissed",
};
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });

/** @typedef {{date: string, flag: number, hold: number, suspend: number, released: number, rejected: number, banned: number, dismissed: number}} Day */

/** @param {Day[]} days those on which something happened, in any order @returns {HTMLElement} */
export function daysFigure(days) {
  const sorted = everyDay(days);
  const sum = (name) => sorted.reduce((all, day) => all + day[name], 0);
  const verdicts = STACK.map((name) => `${sum(name)} ${NAMES[name]}`).join(", ");
  const [confirmed, cleared] = [sum("rejected") + sum("banned"), sum("released") + sum("dismissed")];
  const words = `In the last ${counted(sorted.length, "day")}: ${verdicts}; of the decided, ${confirmed} confirmed and ${cleared} cleared.`;
  const names = Object.keys(NAMES);
  return figure({
    label: `Columns of verdicts by day. ${words}`,
    height: HEIGHT,
    draw: (width, height) => drawn(sorted, width, height),
    legend: STACK.map((name) => [`legend__mark--${name}`, NAMES[name]]),
    words,
    more: folded(
      "Verdicts and decisions by day",
      ["Day", ...names.map((name) => end(NAMES[name]))],
      [...sorted]
        .reverse()
        .filter((day) => names.some((name) => day[name] > 0))
        .map((day) => [written(day.date), ...names.map((name) => day[name])]),
    ),
  });
}

/**
 * The last days without a gap, oldest first, so that the axis is time.
 * @param {Day[]} days
 * @returns {Day[]}
 */
function everyDay(days) {
  const known = new Map(days.map((day) => [day.date.slice(0, 10), day]));
  const quiet = Object.fromEntries(Object.keys(NAMES).map((name) => [name, 0]));
  const dates = Array.from({ length: SHOWN }, (_, back) => new Date(Date.now() - (SHOWN - 1 - back) * DAY_MS).toISOString().slice(0, 10));
  // A browser whose clock is off must not lose days.
  const all = [...new Set([...dates, ...known.keys()])].sort();
  return all.map((date) => /** @type {Day} */ (known.get(date) ?? { date, ...quiet }));
}

/** @param {Day[]} days @param {number} width @param {number} height @returns {SVGElement[]} */
function drawn(days, width, height) {
  const bottom = height - EDGE.bottom;
  const most = Math.max(1, ...days.map((day) => STACK.reduce((all, name) => all + day[name], 0)));
  const y = linear(0, most, bottom, EDGE.top);
  const room = (width - EDGE.left - EDGE.right) / days.length;
  const wide = Math.min(46, room * 0.7);
  const every = Math.max(1, Math.ceil(days.length / Math.max(1, Math.floor((width - EDGE.left) / 62))));
  const half = Math.ceil(most / 2);
  const grid = [...new Set([0, half, most])].flatMap((value) => [
    rule(EDGE.left, y(value), width - EDGE.right, y(value)),
    word(EDGE.left - 8, y(value) + 4, String(value), "end"),
  ]);
  const columns = days.flatMap((day, place) => {
    const middle = EDGE.left + room * (place + 0.5);
    let below = 0;
    const bars = STACK.filter((name) => day[name] > 0).map((name) => {
      below += day[name];
      return s(
        "rect",
        { class: `plot__${name}`, x: middle - wide / 2, y: y(below), width: wide, height: y(below - day[name]) - y(below) },
        s("title", {}, `${written(day.date)}: ${day[name]} ${NAMES[name]}`),
      );
    });
    return place % every === 0 ? [...bars, word(middle, height - 8, written(day.date))] : bars;
  });
  return [...grid, ...columns];
}

/** @param {string} date 2025-11-04 */
function written(date) {
  return DAY.format(new Date(`${date.slice(0, 10)}T00:00:00Z`));
}
