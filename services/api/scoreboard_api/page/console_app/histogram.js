// Pauses between results on a logarithmic axis: the player's as bars, people's as a line over them.

import { figure, linear, logarithmic, rule, s, timeTicks, word } from "./svg.js";
import { end, folded } from "./table.js";
import { length, percent } from "./words.js";

const HEIGHT = 216;
const EDGE = { left: 44, right: 10, top: 12, bottom: 38 };
const BINS_PER_DECADE = 10;
const FEWEST = 3;

/**
 * @typedef {{edges: number[], player: number[], humans: number[] | null}} Shares edges in seconds, one more than shares
 */

/**
 * Counts pauses where no model has done it.
 * @param {number[]} pauses seconds
 * @returns {Shares | null} null for too few to say anything
 */
export function binned(pauses) {
  const positive = pauses.filter((pause) => pause > 0);
  if (positive.length < FEWEST) return null;
  const first = Math.floor(Math.log10(Math.min(...positive)) * BINS_PER_DECADE) - 2;
  const last = Math.ceil(Math.log10(Math.max(...positive)) * BINS_PER_DECADE) + 2;
  const player = new Array(last - first).fill(0);
  for (const pause of positive) player[Math.min(last - first - 1, Math.floor(Math.log10(pause) * BINS_PER_DECADE) - first)] += 1 / positive.length;
  return { edges: Array.from({ length: last - first + 1 }, (_, place) => 10 ** ((first + place) / BINS_PER_DECADE)), player, humans: null };
}

/** @param {Shares} shares @param {string} name @returns {HTMLElement} */
export function histogram(shares, name) {
  const { edges, player, humans } = shares;
  const peak = player.indexOf(Math.max(...player));
  const between = (place) => `${length(edges[place])} to ${length(edges[place + 1])}`;
  const inPeak = `${percent(player[peak])} of ${name}'s pauses are ${between(peak)}`;
  const against = humans ? `; ${percent(humans[peak])} of people's at this tempo are.` : ".";
  const rows = player.flatMap((share, place) =>
    share > 0 || (humans?.[place] ?? 0) > 0 ? [[between(place), percent(share), ...(humans ? [percent(humans[place])] : [])]] : [],
  );
  return figure({
    label: `Histogram of pauses on a logarithmic axis. ${inPeak}${against}`,
    height: HEIGHT,
    draw: (width, height) => drawn(shares, width, height),
    legend: [["legend__mark--player", name], ...(humans ? [/** @type {[string, string]} */ (["legend__mark--people", "people at this tempo"])] : [])],
    words: `${inPeak}${against}`,
    more: folded("Share of pauses by length", ["Pause", end(name), ...(humans ? [end("people")] : [])], rows),
  });
}

/** @param {Shares} shares @param {number} width @param {number} height @returns {SVGElement[]} */
function drawn({ edges, player, humans }, width, height) {
  const bottom = height - EDGE.bottom;
  const most = Math.max(...player, ...(humans ?? []), 0.01) * 1.05;
  const x = logarithmic(Math.max(edges[0], 1e-4), edges[edges.length - 1], EDGE.left, width - EDGE.right);
  const y = linear(0, most, bottom, EDGE.top);
  const lines = [0, most / 2 / 1.05, most / 1.05].flatMap((share) => [
    rule(EDGE.left, y(share), width - EDGE.right, y(share)),
    word(EDGE.left - 8, y(share) + 4, percent(share), "end"),
  ]);
  const ticks = timeTicks(edges[0], edges[edges.length - 1], Math.floor(width / 70)).flatMap((tick) => [
    rule(x(tick), bottom, x(tick), bottom + 5, "plot__tick"),
    word(x(tick), bottom + 19, length(tick)),
  ]);
  const bars = player
    .map(
      (share, place) =>
        share > 0 &&
        s("rect", {
          class: "plot__bar",
          x: x(edges[place]) + 0.5,
          y: y(share),
          width: Math.max(1.5, x(edges[place + 1]) - x(edges[place]) - 1),
          height: Math.max(1, bottom - y(share)),
          "data-share": share.toFixed(4),
        }),
    )
    .filter(Boolean);
  const steps =
    humans
      ?.map((share, place) => `L${x(edges[place]).toFixed(1)} ${y(share).toFixed(1)}L${x(edges[place + 1]).toFixed(1)} ${y(share).toFixed(1)}`)
      .join("") ?? "";
  const people = humans
    ? [s("path", { class: "plot__people", d: `M${x(edges[0]).toFixed(1)} ${bottom}${steps}L${x(edges[edges.length - 1]).toFixed(1)} ${bottom}` })]
    : [];
  return [...lines, ...bars, ...people, ...ticks, word((EDGE.left + width - EDGE.right) / 2, height - 3, "pause (logarithmic)")];
}
