// The anti-cheat tab: how well the defence does, and whether it can still be trusted.

import { byId, fill, h } from "../app/dom.js";
import { counted, number, span } from "../app/format.js";
import { watch } from "../app/store.js";
import { desk } from "./desk.js";
import { daysFigure } from "./days.js";
import { moderates } from "./gate.js";
import { modelPart } from "./healthmodel.js";
import { read, trouble } from "./moderation.js";
import { end, table } from "./table.js";

const EVERY = 15_000;

let timer = 0;
let shown = "";

/** Draws the tab while it is looked at. */
export function mountHealth() {
  desk.watch(["place"], begin);
  watch(["player"], begin);
}

function begin() {
  clearTimeout(timer);
  if (!moderates()) {
    shown = "";
    fill(byId("health"));
  }
  if (desk.get().place.tab === "health" && moderates()) tick();
}

async function tick() {
  clearTimeout(timer);
  timer = setTimeout(tick, EVERY);
  if (document.visibilityState !== "visible") return;
  try {
    const health = await read("/anticheat");
    const text = JSON.stringify(health);
    if (text === shown) return;
    shown = text;
    draw(health);
  } catch (failure) {
    shown = "";
    fill(
      byId("health"),
      h("h1", { class: "queue__title" }, "Anti-cheat"),
      h("p", { class: "notice", role: "alert", data: { tone: "bad" } }, trouble(failure)),
    );
  }
}

/** @param {any} health */
function draw(health) {
  const unfolded = Array.from(byId("health").querySelectorAll("details"), (each) => each.open);
  fill(
    byId("health"),
    h("h1", { class: "queue__title" }, "Anti-cheat"),
    tiles(health),
    h("div", { class: "panels" }, days(health.counts?.day ?? []), modelPart(health.model ?? null), policies(health.policies ?? [])),
  );
  byId("health")
    .querySelectorAll("details")
    .forEach((each, place) => (each.open = unfolded[place] ?? false));
}

/** @param {any} health */
function tiles({ queue, suspensions_last_hour: suspensions }) {
  const tile = (value, label, tone = "") =>
    h("div", { class: "tile", data: { tone } }, h("dd", { class: "tile__value" }, value), h("dt", { class: "tile__label" }, label));
  return h(
    "dl",
    { class: "tiles" },
    tile(number(queue.open), "open cases"),
    tile(number(queue.held_actions), "results held"),
    tile(queue.oldest_age_s === null || queue.open === 0 ? "–" : span(queue.oldest_age_s), "oldest case"),
    tile(number(queue.overdue), "overdue", queue.overdue > 0 ? "bad" : ""),
    tile(number(suspensions), "suspended in the last hour"),
  );
}

/** @param {any[]} counts */
function days(counts) {
  return h(
    "section",
    { class: "card panel panel--wide" },
    h("h2", { class: "panel__title" }, "Verdicts and decisions by day"),
    counts.length === 0 ? h("p", { class: "quiet" }, "Nothing has happened yet.") : daysFigure(counts),
  );
}

/** @param {any[]} policies */
function policies(policies) {
  const rows = policies.map((each) => [
    each.key,
    each.mode === "enforce" ? "Enforced" : "Shadow",
    each.kinds?.length ? each.kinds.join(", ") : "everything else",
    figure(each.flag),
    figure(each.hold),
    figure(each.suspend),
    `${each.model}`,
    `${span(each.review_s)}, then ${each.at_deadline === "keep" ? "keep" : "release"}`,
    `${number(each.suspensions_per_hour)} an hour`,
  ]);
  return h(
    "section",
    { class: "card panel panel--wide" },
    h("h2", { class: "panel__title" }, counted(policies.length, "policy", "policies")),
    rows.length === 0
      ? h("p", { class: "quiet" }, "None is set; the defaults of the settings hold.")
      : table("Policies", ["Policy", "Mode", "For", end("Flag"), end("Hold"), end("Suspend"), "Model at most", "Review", "Suspensions"], rows),
  );
}

/** @param {number} threshold 1 is never reached */
function figure(threshold) {
  return threshold >= 1 ? "never" : threshold.toFixed(2);
}
