// Plots by DOM calls: elements, scales, ticks, and a frame that draws again when its width changes, so that letters stay
// letters on every screen.

import { h } from "../app/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const TICKS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 43200, 86400, 604800];

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, string | number | null>} attributes
 * @param {...(Node | string | null | false)} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== null) element.setAttribute(name, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
  for (const child of children.flat()) if (child) element.append(child);
  return element;
}

/**
 * A figure with a plot that follows its width.
 * @param {{label: string, height: number, draw: (width: number, height: number) => SVGElement[], legend?: [string, string][], words?: string, more?: Node | null}} plot
 *   `label`: the picture in one sentence; `legend`: class and text; `words`: what can be read off; `more`: its table
 * @returns {HTMLElement}
 */
export function figure({ label, height, draw, legend = [], words = "", more = null }) {
  const svg = s("svg", { class: "plot", role: "img", height, width: "100%", "aria-label": label });
  let drawn = 0;
  const redraw = (width) => {
    if (width < 40 || Math.abs(width - drawn) < 2) return;
    drawn = width;
    svg.setAttribute("viewBox", `0 0 ${Math.round(width)} ${height}`);
    svg.replaceChildren(...draw(width, height));
  };
  const box = h("div", { class: "plot__box" }, svg);
  new ResizeObserver((entries) => redraw(entries[0].contentRect.width)).observe(box);
  return h(
    "figure",
    { class: "figure" },
    legend.length > 0 &&
      h(
        "ul",
        { class: "legend" },
        legend.map(([look, text]) => h("li", {}, h("span", { class: `legend__mark ${look}`, "aria-hidden": "true" }), text)),
      ),
    box,
    words !== "" && h("figcaption", { class: "figure__words" }, words),
    more,
  );
}

/** @param {number} low @param {number} high @param {number} from @param {number} to @returns {(value: number) => number} */
export function linear(low, high, from, to) {
  const width = high - low || 1;
  return (value) => from + ((value - low) / width) * (to - from);
}

/** @param {number} low above 0 @param {number} high @param {number} from @param {number} to @returns {(value: number) => number} */
export function logarithmic(low, high, from, to) {
  const scale = linear(Math.log(low), Math.log(high), from, to);
  return (value) => scale(Math.log(Math.min(high, Math.max(low, value))));
}

/** @param {number} low @param {number} high @param {number} most @returns {number[]} round lengths of time, in seconds */
export function timeTicks(low, high, most) {
  const fitting = TICKS.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  const every = Math.max(1, Math.ceil(fitting.length / most));
  return fitting.filter((_, place) => place % every === 0);
}

/** @param {number} x @param {number} y @param {string} text @param {"start" | "middle" | "end"} [anchor] */
export function word(x, y, text, anchor = "middle") {
  return s("text", { x, y, class: "plot__word", "text-anchor": anchor }, text);
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {string} [look] */
export function rule(x1, y1, x2, y2, look = "plot__rule") {
  return s("line", { x1, y1, x2, y2, class: look });
}
