// The player's rhythm, as two pictures: how often which pause occurs, against people's, and every result over time.

import { fill, h } from "../app/dom.js";
import { counted, signed } from "../app/format.js";
import { binned, histogram } from "./histogram.js";
import { timeline } from "./timeline.js";

/**
 * @typedef {{at: string, kind: string, points: number, age_s: number | null, interval_s: number | null, status: string}} Played
 * @param {{edges: number[], player: number[], humans: number[]} | null} model the model's histogram; without one it is counted here
 * @param {Played[]} played oldest first
 * @param {string} name
 * @param {HTMLElement} place
 */
export function drawRhythm(model, played, name, place) {
  const counts = model ?? binned(played.flatMap((each) => (each.interval_s === null ? [] : [each.interval_s])));
  fill(
    place,
    counts && [h("h3", { class: "part__title" }, "Pauses between results"), histogram(counts, name)],
    played.length > 1 && [
      h(
        "h3",
        { class: "part__title" },
        `The last ${counted(played.length, "result")}, ${signed(played.reduce((sum, each) => sum + each.points, 0))}`,
      ),
      timeline(played),
    ],
  );
}
