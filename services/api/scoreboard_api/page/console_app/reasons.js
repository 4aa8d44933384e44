// Why: the model's five strongest contributions against what people show, and the signals of the rules, in words.

import { fill, h } from "../app/dom.js";
import { counted, number } from "../app/format.js";
import { address } from "./address.js";
import { table } from "./table.js";
import { instant, measure, PEOPLE, percent, SOURCES } from "./words.js";

const STRONGEST = 5;
// The weight of a sign that no person gives (signals.py).
const STRONG = 0.3;

/**
 * @typedef {{feature: string, words: string, value: number | null, human_median: number | null, percentile: number | null, contribution: number | null}} Contribution
 * @typedef {{at: string, source: string, signal: string, words: string, value: number | null, unit: string | null, reference: string | null, weight: number, suspicion: number, action_id: string | null}} Event
 */

/**
 * @param {{model_id: string, threshold_id: string, schema_hash: string, window: number, end_seq: number, score: number | null, probability: number | null, contributions: Contribution[]} | null} model
 * @param {Event[]} events
 * @param {HTMLElement} place
 */
export function drawReasons(model, events, place) {
  fill(place, model && modelPart(model), events.length > 0 && rulesPart(events));
}

/** @param {any} model */
function modelPart(model) {
  const strength = (each) => Math.abs(each.contribution ?? 0);
  const top = [...model.contributions].sort((one, other) => strength(other) - strength(one)).slice(0, STRONGEST);
  const facts = [
    `Over the last ${counted(model.window, "result")}`,
    `model ${model.model_id}`,
    `threshold ${model.threshold_id}`,
    `features ${String(model.schema_hash).slice(0, 12)}`,
    `up to entry ${number(model.end_seq)}`,
  ];
  return h(
    "div",
    { class: "reasons" },
    h("h3", { class: "part__title" }, model.probability === null ? "What the model saw" : `The model is ${percent(model.probability)} sure`),
    h("ol", { class: "reasons__list" }, top.map(contribution)),
    model.together?.length > 0 && together(model.together),
    h("p", { class: "fine" }, facts.join(" · ")),
  );
}

/** @param {{player_id: string, username: string, moments: number}[]} ring */
function together(ring) {
  const account = ({ player_id, username, moments }) =>
    h(
      "li",
      {},
      username ? h("a", { class: "link", href: address({ tab: "players", playerId: player_id }) }, username) : "an erased account",
      ` (${counted(moments, "moment")} in common)`,
    );
  return h("div", { class: "together" }, h("p", { class: "reason__words" }, "Acts at the same moments as"), h("ul", { class: "together__list" }, ring.map(account)));
}

/** @param {Contribution} each */
function contribution(each) {
  const place = each.percentile === null ? null : Math.min(100, Math.max(0, each.percentile));
  return h(
    "li",
    { class: "reason", data: { way: (each.contribution ?? 0) >= 0 ? "against" : "for" } },
    h("p", { class: "reason__words" }, each.words),
    place !== null && bar(place),
    h(
      "p",
      { class: "reason__figures" },
      h("span", {}, "Here ", h("b", {}, measure(each.value))),
      h("span", {}, "people ", h("b", {}, measure(each.human_median))),
      place !== null && h("span", {}, position(place)),
    ),
  );
}

/** Where the player is among people; the mark in the middle is their median. @param {number} place percentile, 0..100 */
function bar(place) {
  const box = h(
    "span",
    { class: "against", role: "img", "aria-label": position(place) },
    h("span", { class: "against__median" }),
    h("span", { class: "against__player" }),
  );
  box.style.setProperty("--at", String(place / 100));
  return box;
}

/** @param {number} percentile 0..100 */
function position(percentile) {
  const part = (value) => (value >= 99.95 ? "all" : value > 99 ? `${value.toFixed(1)}% of` : `${Math.round(value)}% of`);
  return percentile < 50 ? `lower than ${part(100 - percentile)} people` : `higher than ${part(percentile)} people`;
}

/** @param {Event[]} events */
function rulesPart(events) {
  const strongest = new Map();
  for (const each of events) {
    const before = strongest.get(each.signal);
    strongest.set(each.signal, { event: !before || each.weight >= before.event.weight ? each : before.event, times: (before?.times ?? 0) + 1 });
  }
  const signs = [...strongest.values()].sort((one, other) => other.event.weight - one.event.weight).slice(0, STRONGEST);
  const rows = events.map((each) => [
    instant(each.at),
    SOURCES[each.source] ?? each.source,
    each.words,
    quantity(each),
    each.reference ?? "–",
    PEOPLE.has(each.source) ? "–" : each.weight.toFixed(2),
    PEOPLE.has(each.source) ? "–" : each.suspicion.toFixed(2),
  ]);
  return h(
    "div",
    { class: "reasons" },
    h("h3", { class: "part__title" }, "What was noticed"),
    h("ol", { class: "reasons__list" }, signs.map(sign)),
    h(
      "details",
      { class: "folded" },
      h("summary", {}, `All ${counted(events.length, "sign")}`),
      table("Everything that was noticed, oldest first", ["When", "By", "What", "Value", "People", "Weight", "Suspicion"], rows),
    ),
  );
}

/** @param {Event} event @returns {string} what was measured with its unit */
function quantity({ value, unit }) {
  return value === null || !unit ? measure(value) : `${measure(value)} ${unit}`;
}

/** @param {{event: Event, times: number}} found */
function sign({ event, times }) {
  const words = h("p", { class: "reason__words" }, event.words, times > 1 && h("span", { class: "reason__times" }, ` ×${number(times)}`));
  // What players wrote is shown with their reports; a moderator's reason is only here.
  if (PEOPLE.has(event.source)) {
    const said = event.source === "moderator" && event.reference;
    return h("li", { class: "reason" }, words, said && h("blockquote", { class: "words" }, said));
  }
  const meter = h(
    "span",
    { class: "weight", role: "img", "aria-label": `weight ${event.weight.toFixed(2)}; ${STRONG} is strong` },
    h("span", { class: "weight__bar" }),
  );
  meter.style.setProperty("--share", String(Math.min(1, Math.max(0, event.weight / STRONG))));
  return h(
    "li",
    { class: "reason" },
    words,
    meter,
    h(
      "p",
      { class: "reason__figures" },
      event.value !== null && h("span", {}, "Here ", h("b", {}, quantity(event))),
      event.source === "rules" && event.reference && h("span", {}, "people ", h("b", {}, event.reference)),
      h("span", {}, `suspicion then ${event.suspicion.toFixed(2)}`),
    ),
  );
}
