// Figures over time as lines: a value for each moment, a gap where nothing is known, a dashed line from where on it is a
// matter of concern. Under each of them is its table; what the pointer stands on is written out.

import { h } from "../app/dom.js";
import { figure, linear, rule, s, word } from "./svg.js";
import { end, foldedLater } from "./table.js";

const EDGE = { left: 52, right: 12, top: 14, bottom: 26 };
const MINUTE = 60_000;
const DAY = 86_400_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 2880, 7200, 14_400, 43_200, 86_400].map((minutes) => minutes * MINUTE);
const ROOM = 76;

/**
 * @typedef {{name: string, look: string, values: (number | null)[], area?: boolean}} Line `look`: plot__line--<look>
 * @typedef {{caption: string, times: number[], lines: Line[], format: (value: number) => string, words?: string, height?: number,
 *   limit?: number | null, least?: number, zone?: string, step: number}} Series times and step in milliseconds; `least`: how high the axis is at least
 */

/** @param {Series} series @returns {HTMLElement} */
export function seriesFigure(series) {
  const { caption, times, lines, format, words = "", height = 190 } = series;
  const moments = written(series);
  let at = (_) => 0;
  const made = figure({
    label: `${caption}. ${words || "The values are in the table below."}`,
    height,
    draw: (width) => {
      at = (place) => linear(times[0], times[times.length - 1], EDGE.left, width - EDGE.right)(times[place]);
      return drawn(series, width, height, moments);
    },
    legend: lines.length > 1 ? lines.map((line) => /** @type {[string, string]} */ ([`legend__mark--${line.look}`, line.name])) : [],
    words,
    more: foldedLater(caption, ["Time", ...lines.map((line) => end(line.name))], () =>
      times.flatMap((time, place) =>
        lines.some((line) => line.values[place] !== null)
          ? [[moments(time, true), ...lines.map((line) => (line.values[place] === null ? "–" : format(/** @type {number} */ (line.values[place]))))]]
          : [],
      ).reverse(),
    ),
  });
  point(made, series, (place) => at(place), moments);
  return made;
}

/** @param {Series} series @returns {(time: number, whole?: boolean) => string} */
function written({ zone, step }) {
  const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: zone });
  const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
  const exact = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone });
  return (time, whole = false) => {
    if (step >= DAY) return day.format(time);
    if (!whole) return clock.format(time);
    return step >= MINUTE ? `${day.format(time)}, ${clock.format(time)}` : exact.format(time);
  };
}

/** @param {Series} series @param {number} width @param {number} height @param {(time: number) => string} moments */
function drawn({ times, lines, format, limit = null, least = 0, step, zone }, width, height, moments) {
  const bottom = height - EDGE.bottom;
  const known = lines.flatMap((line) => line.values.filter((value) => value !== null));
  const highest = Math.max(least, ...known, 0);
  const top = roundUp(limit !== null && highest > limit / 4 ? Math.max(highest, limit) : highest);
  const lowest = Math.min(0, ...known);
  const low = lowest < 0 ? -roundUp(-lowest) : 0;
  const y = linear(low, top, bottom, EDGE.top);
  const x = linear(times[0], times[times.length - 1], EDGE.left, width - EDGE.right);
  const grid = [...new Set([low, 0, low < 0 ? top : top / 2, top])].flatMap((value) => [
    rule(EDGE.left, y(value), width - EDGE.right, y(value)),
    word(EDGE.left - 8, y(value) + 4, format(value), "end"),
  ]);
  const bound = limit !== null && limit <= top && limit > 0 ? [rule(EDGE.left, y(limit), width - EDGE.right, y(limit), "plot__limit")] : [];
  const shapes = lines.flatMap((line) => shape(line, times, step, x, y));
  const marks = ticks(times[0], times[times.length - 1], Math.floor((width - EDGE.left) / ROOM), zone).map((time) =>
    word(Math.min(width - EDGE.right - 14, Math.max(EDGE.left + 14, x(time))), height - 6, moments(time)),
  );
  return [...grid, ...bound, ...shapes, ...marks];
}

/** @param {Line} line @param {number[]} times @param {number} step @param {(time: number) => number} x @param {(value: number) => number} y @param {number} bottom */
function shape(line, times, step, x, y) {
  /** @type {string[][]} */
  const runs = [];
  let last = -Infinity;
  line.values.forEach((value, place) => {
    if (value === null) return;
    const spot = `${x(times[place]).toFixed(1)} ${y(value).toFixed(1)}`;
    // One slot without a value is an accident of two clocks; more are a gap.
    if (times[place] - last > step * 2.5) runs.push([]);
    runs[runs.length - 1].push(spot);
    last = times[place];
  });
  return runs.flatMap((run) => {
    const path = `M${run.join("L")}`;
    if (run.length === 1) {
      const [cx, cy] = run[0].split(" ").map(Number);
      return [s("circle", { class: `plot__spot plot__spot--${line.look}`, cx, cy, r: 2 })];
    }
    const [from, to] = [run[0].split(" ")[0], run[run.length - 1].split(" ")[0]];
    const area = line.area ? [s("path", { class: "plot__area", d: `${path}L${to} ${y(0)}L${from} ${y(0)}Z` })] : [];
    return [...area, s("path", { class: `plot__line plot__line--${line.look}`, d: path })];
  });
}

/** @param {number} value @returns {number} the next number that is easy to halve */
function roundUp(value) {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return (/** @type {number} */ ([1, 2, 4, 6, 8, 10].find((times) => times * unit >= value * 0.999))) * unit;
}

/** @param {number} first @param {number} last @param {number} most @param {string | undefined} zone */
function ticks(first, last, most, zone) {
  const step = STEPS.find((each) => (last - first) / each < Math.max(2, most)) ?? STEPS[STEPS.length - 1];
  const shift = zone === "UTC" ? 0 : new Date(last).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let time = Math.ceil((first - shift) / step) * step + shift; time <= last; time += step) found.push(time);
  return found;
}

/** Writes out what the pointer stands on. @param {HTMLElement} made @param {Series} series @param {(place: number) => number} at @param {(time: number, whole?: boolean) => string} moments */
function point(made, { times, lines, format }, at, moments) {
  const box = /** @type {HTMLElement} */ (made.querySelector(".plot__box"));
  const said = h("p", { class: "plot__said", "aria-hidden": "true", hidden: true });
  const hair = h("span", { class: "plot__hair", hidden: true });
  box.append(hair, said);
  box.addEventListener("pointermove", (event) => {
    const left = event.clientX - box.getBoundingClientRect().left;
    let place = 0;
    times.forEach((_, each) => {
      if (Math.abs(at(each) - left) < Math.abs(at(place) - left)) place = each;
    });
    const values = lines.map((line) => {
      const value = line.values[place];
      return `${lines.length > 1 ? `${line.name} ` : ""}${value === null ? "–" : format(value)}`;
    });
    said.textContent = [moments(times[place], true), ...values].join(" · ");
    hair.style.setProperty("--at", `${at(place)}px`);
    said.hidden = hair.hidden = false;
  });
  box.addEventListener("pointerleave", () => (said.hidden = hair.hidden = true));
}
