// Every result over time: height is the pause before it, on a logarithmic axis. A steady hand makes a flat line. Held
// results are diamonds, void ones crosses, so that shape says what colour says.

import { counted, signed } from "../app/format.js";
import { figure, linear, logarithmic, rule, s, timeTicks, word } from "./svg.js";
import { end, folded } from "./table.js";
import { clock, instant, length } from "./words.js";

const HEIGHT = 216;
const EDGE = { left: 52, right: 12, top: 12, bottom: 26 };
const VOID = new Set(["rejected", "voided"]);
const STATUSES = { completed: "counts", held: "held", rejected: "rejected", voided: "void" };

/** @param {import("./rhythm.js").Played[]} played oldest first @returns {HTMLElement} */
export function timeline(played) {
  const held = played.filter((each) => each.status === "held").length;
  const spoilt = played.filter((each) => VOID.has(each.status)).length;
  const words = summary(played, held);
  const legend = [["legend__mark--counts", "counts"]];
  if (held > 0) legend.push(["legend__mark--held", "held"]);
  if (spoilt > 0) legend.push(["legend__mark--void", "void"]);
  const rows = [...played]
    .reverse()
    .map((each) => [
      instant(each.at),
      each.kind,
      signed(each.points),
      each.interval_s === null ? "–" : length(each.interval_s),
      each.age_s === null ? "–" : length(each.age_s),
      STATUSES[each.status] ?? each.status,
    ]);
  return figure({
    label: `Timeline of results. ${words}`,
    height: HEIGHT,
    draw: (width, height) => drawn(played, width, height),
    legend: /** @type {[string, string][]} */ (legend),
    words,
    more: folded("Results, newest first", ["When", "What", end("Points"), end("Pause"), end("From start to end"), "Status"], rows),
  });
}

/** @param {import("./rhythm.js").Played[]} played @param {number} held */
function summary(played, held) {
  const pauses = played.flatMap((each) => (each.interval_s === null ? [] : [each.interval_s])).sort((one, other) => one - other);
  const took = (Date.parse(played[played.length - 1].at) - Date.parse(played[0].at)) / 1000;
  const said = [`${counted(played.length, "result")} in ${length(Math.max(took, 0.001))}`];
  if (pauses.length > 1) said.push(`half of the pauses between ${length(quantile(pauses, 0.25))} and ${length(quantile(pauses, 0.75))}`);
  if (held > 0) said.push(`${held} held`);
  return `${said.join("; ")}.`;
}

/** @param {number[]} sorted @param {number} share */
function quantile(sorted, share) {
  return sorted[Math.round((sorted.length - 1) * share)];
}

/** @param {import("./rhythm.js").Played[]} played @param {number} width @param {number} height @returns {SVGElement[]} */
function drawn(played, width, height) {
  const bottom = height - EDGE.bottom;
  const times = played.map((each) => Date.parse(each.at));
  const pauses = played.flatMap((each) => (each.interval_s !== null && each.interval_s > 0 ? [each.interval_s] : []));
  const low = Math.min(...pauses, 1) / 1.6;
  const high = Math.max(...pauses, low * 3) * 1.6;
  const [first, last] = [times[0], times[times.length - 1]];
  const x = linear(first, last === first ? first + 1 : last, EDGE.left + 8, width - EDGE.right - 8);
  const y = logarithmic(low, high, bottom, EDGE.top);
  const grid = timeTicks(low, high, 6).flatMap((tick) => [
    rule(EDGE.left, y(tick), width - EDGE.right, y(tick)),
    word(EDGE.left - 8, y(tick) + 4, length(tick), "end"),
  ]);
  const marks = played.map((each, place) => mark(each, x(times[place]), each.interval_s === null ? bottom : y(Math.max(each.interval_s, low))));
  const ends = [
    word(EDGE.left, height - 6, clock(first), "start"),
    width > 300 && word((EDGE.left + width - EDGE.right) / 2, height - 6, clock((first + last) / 2)),
    word(width - EDGE.right, height - 6, clock(last), "end"),
  ];
  return [
    rule(EDGE.left, bottom, width - EDGE.right, bottom, "plot__tick"),
    ...grid,
    ...marks,
    .../** @type {SVGElement[]} */ (ends.filter(Boolean)),
  ];
}

/** @param {import("./rhythm.js").Played} each @param {number} x @param {number} y */
function mark(each, x, y) {
  const title = s("title", {}, `${instant(each.at)}, ${each.kind}, ${signed(each.points)}, ${STATUSES[each.status] ?? each.status}`);
  if (each.status === "held")
    return s("path", { class: "dot dot--held", "data-status": "held", d: `M${x.toFixed(1)} ${(y - 5).toFixed(1)}l5 5l-5 5l-5 -5Z` }, title);
  if (VOID.has(each.status))
    return s(
      "path",
      { class: "dot dot--void", "data-status": each.status, d: `M${(x - 3.5).toFixed(1)} ${(y - 3.5).toFixed(1)}l7 7m0 -7l-7 7` },
      title,
    );
  return s("circle", { class: "dot", "data-status": each.status, cx: x, cy: y, r: 3.2 }, title);
}
