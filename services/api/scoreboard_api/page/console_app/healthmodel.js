// The model: which one decides what, how far behind it is, whether what it sees has drifted, and whether people agree.

import { h } from "../app/dom.js";
import { counted, number, span } from "../app/format.js";
import { table } from "./table.js";
import { instant, measure, percent } from "./words.js";

const STAGES = {
  candidate: "is trained and waits",
  shadow: "watches and does nothing",
  canary: "may flag",
  hold: "may flag and hold",
  suspend: "may flag, hold and suspend",
  retired: "rests",
};
// The usual reading of the population stability index: below 0.1 stable, above 0.25 shifted.
const SHIFTING = 0.1;
const SHIFTED = 0.25;
const LATE = 60;

/** @param {any} model */
export function modelPart(model) {
  if (!model)
    return h(
      "section",
      { class: "card panel" },
      h("h2", { class: "panel__title" }, "Model"),
      h("p", { class: "quiet" }, "No model is at work. The rules decide alone."),
    );
  const { current, candidate, previous } = model;
  const part = (value) => (value === null || value === undefined ? "–" : percent(value));
  const facts = [
    ["Flagged", part(model.flag_rate), "of the players it looked at in the last day"],
    ["Confirmed by people", part(model.review_precision), "of its cases that were decided"],
    ["Shadow disagrees", part(model.disagreement), candidate ? "of the last day's windows" : "no candidate runs beside it"],
    [
      "Behind",
      model.position ? `${counted(model.position.behind, "entry", "entries")}` : "–",
      model.position?.behind > 0 ? `the oldest waits ${span(model.position.age_s)}` : "",
    ],
    [
      "Canary windows",
      model.canaries ? (model.canaries.equal ? "equal" : "differ") : "–",
      model.canaries ? instant(model.canaries.at) : "not checked yet",
    ],
  ];
  const late = model.position && model.position.age_s > LATE && model.position.behind > 0;
  return [
    h(
      "section",
      { class: "card panel" },
      h("h2", { class: "panel__title" }, "Model"),
      current
        ? h("p", { class: "model__name" }, h("b", {}, current.id), h("span", { class: "chip", data: { tone: current.stage } }, current.stage))
        : h("p", { class: "quiet" }, "No model is at work. The rules decide alone."),
      current && h("p", { class: "quiet" }, `It ${STAGES[current.stage] ?? current.stage}, for ${span(current.age_s)}.`),
      candidate && h("p", { class: "fine" }, `Beside it: ${candidate.id} (${candidate.stage}, for ${span(candidate.age_s)})`),
      previous && h("p", { class: "fine" }, `Would take its place: ${previous.id}`),
      model.on === false && h("p", { class: "notice", data: { tone: "warn" } }, "Models are switched off. The rules decide alone."),
      late &&
        h(
          "p",
          { class: "notice", data: { tone: "warn" } },
          `The model is late: what it has not read yet is up to ${span(model.position.age_s)} old.`,
        ),
      model.canaries &&
        !model.canaries.equal &&
        h(
          "p",
          { class: "notice", role: "alert", data: { tone: "bad" } },
          "The same windows no longer give the same scores. Do not trust the model until somebody has looked.",
        ),
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, value, more]) =>
          h("div", {}, h("dt", {}, name), h("dd", {}, h("b", {}, value), more !== "" && h("span", { class: "fine" }, ` ${more}`))),
        ),
      ),
      current?.metrics &&
        Object.keys(current.metrics).length > 0 &&
        h(
          "details",
          { class: "folded" },
          h("summary", {}, "Its figures from training"),
          table("Figures from training", ["Figure", "Value"], flat(current.metrics)),
        ),
    ),
    drift(model.drift ?? []),
  ];
}

/** @param {Record<string, any>} metrics @param {string} [above] @returns {string[][]} a row for each figure, however deep it lies */
function flat(metrics, above = "") {
  return Object.entries(metrics).flatMap(([name, value]) => {
    const label = `${above}${name.replaceAll("_", " ")}`;
    if (value !== null && typeof value === "object") return flat(value, `${label}, `);
    return [[label, typeof value === "number" ? measure(value) : String(value ?? "–")]];
  });
}

/** @param {{feature: string, psi: number}[]} drift */
function drift(drift) {
  const sorted = [...drift].sort((one, other) => other.psi - one.psi);
  const row = (each) => {
    const tone = each.psi >= SHIFTED ? "bad" : each.psi >= SHIFTING ? "warn" : "good";
    const says = { bad: "shifted", warn: "shifting", good: "stable" }[tone];
    const bar = h("span", { class: "drift__track", "aria-hidden": "true" }, h("span", { class: "drift__bar" }));
    bar.style.setProperty("--share", String(Math.min(1, each.psi / (SHIFTED * 2))));
    return h(
      "li",
      { class: "drift", data: { tone } },
      h("span", { class: "drift__name" }, each.feature.replaceAll("_", " ")),
      bar,
      h("span", { class: "drift__value" }, `${each.psi.toFixed(2)} ${says}`),
    );
  };
  return h(
    "section",
    { class: "card panel" },
    h("h2", { class: "panel__title" }, "Drift of features"),
    sorted.length === 0 ? h("p", { class: "quiet" }, "Not measured yet.") : h("ul", { class: "drifts" }, sorted.slice(0, 12).map(row)),
    sorted.length > 12 && h("p", { class: "fine" }, `and ${number(sorted.length - 12)} that drift less`),
  );
}
