// The analytics tab: what was begun, what became of it, and who was there. The last hour is drawn live.

import { call } from "../app/api.js";
import { byId, fill, h } from "../app/dom.js";
import { watch } from "../app/store.js";
import { toast } from "../app/toasts.js";
import { address, go } from "./address.js";
import { analyticsParts } from "./analyticsparts.js";
import { desk } from "./desk.js";
import { moderates } from "./gate.js";
import { asked, readInsight, trouble } from "./moderation.js";
import { redraw } from "./redraw.js";

const DAY = 86_400_000;
/** @type {Record<string, {title: string, step: string, length: number, every: number}>} `every`: milliseconds between two readings */
export const RANGES = {
  hour: { title: "Hour", step: "minute", length: DAY / 24, every: 5000 },
  day: { title: "Day", step: "hour", length: DAY, every: 20_000 },
  week: { title: "Week", step: "hour", length: 7 * DAY, every: 60_000 },
  month: { title: "30 days", step: "day", length: 30 * DAY, every: 60_000 },
  year: { title: "Year", step: "day", length: 365 * DAY, every: 60_000 },
};

let timer = 0;
let wanted = "";
let drawn = "";
/** @type {string[]} */
let kinds = [];

/** Draws the tab while it is looked at. */
export function mountAnalytics() {
  desk.watch(["place"], begin);
  watch(["player"], begin);
}

function begin() {
  clearTimeout(timer);
  const { tab, range, kind } = desk.get().place;
  if (!moderates()) {
    wanted = "";
    kinds = [];
    return fill(byId("analytics"));
  }
  if (tab !== "analytics") return;
  const now = `${range} ${kind}`;
  if (now !== wanted || !byId("analytics").hasChildNodes()) {
    wanted = now;
    frame();
  }
  tick();
}

function frame() {
  drawn = "";
  fill(
    byId("analytics"),
    h("div", { class: "insight__head" }, h("h1", { class: "queue__title" }, "Analytics"), h("div", { class: "insight__tools", id: "analytics-tools" })),
    h("div", { id: "analytics-said" }),
    h("div", { id: "analytics-body" }, h("p", { class: "quiet insight__wait", role: "status" }, "One moment…")),
  );
  tools();
}

function tools() {
  const { range, kind } = desk.get().place;
  const chosen = kind !== "" && !kinds.includes(kind) ? [...kinds, kind].sort() : kinds;
  const select = h(
    "select",
    { class: "select", "aria-label": "Kind of action", on: { change: () => go({ tab: "analytics", range, kind: select.value }) } },
    h("option", { value: "" }, "All kinds"),
    chosen.map((each) => h("option", { value: each }, each)),
  );
  select.value = kind;
  redraw(
    byId("analytics-tools"),
    h(
      "nav",
      { class: "filters", "aria-label": "Time" },
      Object.entries(RANGES).map(([name, { title }]) =>
        h("a", { class: "filter", href: address({ tab: "analytics", range: name, kind }), "aria-current": name === range ? "true" : null }, title),
      ),
    ),
    select,
    h("button", { class: "button", type: "button", on: { click: save } }, "Save as CSV"),
  );
}

/** @returns {{step: string, from: string, kind: string}} */
function query() {
  const { range, kind } = desk.get().place;
  const { step, length } = RANGES[range];
  return { step, from: new Date(Date.now() - length).toISOString(), kind };
}

async function tick() {
  clearTimeout(timer);
  const { range } = desk.get().place;
  timer = setTimeout(tick, RANGES[range].every);
  if (document.visibilityState !== "visible" && drawn !== "") return;
  const mine = wanted;
  try {
    // Players are counted by the hour, so the last hour shows those of two days.
    const [report, hours] = await Promise.all([
      readInsight("/analytics/activity", query()),
      range === "hour" ? readInsight("/analytics/activity", { step: "hour", kind: query().kind }) : null,
    ]);
    if (mine !== wanted || desk.get().place.tab !== "analytics") return;
    fill(byId("analytics-said"));
    const text = JSON.stringify([report, hours]);
    if (text === drawn) return;
    drawn = text;
    const found = report.kinds.map((each) => each.kind).sort();
    if (desk.get().place.kind === "" && found.join() !== kinds.join()) {
      kinds = found;
      tools();
    }
    byId("analytics-body").classList.remove("stale");
    redraw(byId("analytics-body"), ...analyticsParts(report, hours ?? report));
  } catch (failure) {
    if (mine !== wanted) return;
    fill(byId("analytics-said"), h("p", { class: "notice", role: "alert", data: { tone: "bad" } }, trouble(failure), drawn !== "" && " What is shown may be old."));
    if (drawn === "") fill(byId("analytics-body"));
    else byId("analytics-body").classList.add("stale");
  }
}

async function save() {
  try {
    const text = await call("GET", asked("/analytics/activity", query()), { player: true, text: true, headers: { Accept: "text/csv" } });
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: `analytics-${desk.get().place.range}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (failure) {
    toast(trouble(failure), "bad");
  }
}
