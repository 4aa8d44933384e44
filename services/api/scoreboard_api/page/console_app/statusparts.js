// Services and stores with their lights, and the objectives with what they have used of their budgets.

import { h } from "../app/dom.js";
import { counted, number, span } from "../app/format.js";
import { light } from "./lights.js";
import { table } from "./table.js";
import { since } from "./words.js";

const SERVICES = { api: "API", realtime: "Live connections", worker: "Worker", "anticheat-ml": "Anti-cheat model" };
const STORES = { database: "Database", redis: "Redis", schema: "Schema" };
const STATES = { ok: "reached", unavailable: "cannot be reached", missing: "its migrations have not run", outdated: "its migrations have not run" };
/** Seconds; what is told goes back no further. */
const HOUR = 3600;
const WITHOUT = { "anticheat-ml": "the rules decide alone" };

/** @param {any} status */
export function servicesPart({ stores, services }) {
  const rows = services.flatMap((each) =>
    each.processes.map((process) => [
      SERVICES[each.service] ?? each.service,
      process.instance,
      light({ up: "good", draining: "warn", gone: "bad" }[process.state], { up: "Up", draining: "Stopping", gone: `Gone for ${since(process.told_at).replace(" ago", "")}` }[process.state]),
      process.version ?? "–",
      process.began_at ? span((Date.now() - Date.parse(process.began_at)) / 1000) : "–",
      process.database === null ? "–" : [!process.database && "database", !process.redis && "Redis"].filter(Boolean).join(", ") || "both reached",
    ]),
  );
  return h(
    "section",
    { class: "lamps", "aria-label": "Services and stores" },
    h(
      "ul",
      { class: "lamps__list" },
      services.map((each) => lamp(SERVICES[each.service] ?? each.service, each.light, serviceWords(each))),
      stores.map((each) => lamp(STORES[each.store] ?? each.store, each.light, STATES[each.state] ?? each.state)),
    ),
    rows.length > 0 &&
      h(
        "details",
        { class: "folded" },
        h("summary", {}, "Every process"),
        table("Processes", ["Service", "Process", "State", "Version", "Running for", "Stores"], rows, "data--wide"),
      ),
  );
}

/** @param {string} name @param {string} tone @param {string} words */
function lamp(name, tone, words) {
  return h("li", { class: "lamp", data: { tone } }, h("span", { class: "lamp__name" }, name), light(tone), h("span", { class: "fine lamp__words" }, words));
}

/** @param {any} service */
function serviceWords({ service, light: tone, present, missing, processes }) {
  if (present === 0 && processes.length > 0) return `none is running${WITHOUT[service] ? `; ${WITHOUT[service]}` : ""}`;
  if (present === 0) return WITHOUT[service] ? `none has been seen; ${WITHOUT[service]}` : tone === "bad" ? "none has been seen" : "none has been seen yet";
  if (missing > 0) return `${number(present)} running, ${number(missing)} gone without a word`;
  if (tone === "warn") return `${number(present)} running, not all reach their stores`;
  return `${number(present)} running`;
}

/** @param {any} status */
export function objectivesPart({ objectives, known_s: known }) {
  const whole = known >= HOUR;
  return h(
    "section",
    { class: "card panel objectives", "aria-label": "Objectives" },
    h("h2", { class: "panel__title" }, "What users are promised"),
    h("p", { class: "quiet objectives__words" }, sum(objectives, whole ? "the last hour" : `the last ${span(known)}, all that is known,`)),
    h("ul", { class: "promises" }, objectives.map((each) => promise(each, whole ? "in an hour" : "so far"))),
    h("p", { class: "fine objectives__fine" }, "A burn of 1 uses up the budget of 30 days exactly; at 14.4 somebody is woken. Of too few events nothing is made."),
  );
}

/** @param {any[]} objectives @param {string} time */
function sum(objectives, time) {
  const those = (...tones) => objectives.filter((each) => tones.includes(each.light)).length;
  const broken = those("bad", "warn");
  if (broken > 0) return `In ${time} ${counted(broken, "promise")} used more of the budget than 30 days can bear at this pace.`;
  if (those("unknown") === objectives.length) return `In ${time} nothing has happened that was promised anything about.`;
  return those("unknown") > 0 ? `In ${time} no promise was broken.` : `In ${time} every promise was kept.`;
}

/** @param {any} each @param {string} long what its longer window is called */
function promise(each, long) {
  const words = { good: "Kept", warn: "Uses too much", bad: "Broken fast", unknown: "Nothing happened" }[each.light];
  const facts = [
    ["kept", each.total > 0 ? `${(Math.floor((1 - each.bad / each.total) * 10_000) / 100).toFixed(each.bad > 0 ? 2 : 0)}%` : "–"],
    ["broken", each.total > 0 ? `${number(each.bad)} of ${number(each.total)}` : "–"],
    [`burn ${long}`, burn(each.burn_1h)],
    ["in five minutes", burn(each.burn_5m)],
  ];
  return h(
    "li",
    { class: "promise" },
    h("p", { class: "promise__name" }, each.title, h("span", { class: "fine promise__unit" }, `${each.percent}% of ${each.unit}`)),
    light(each.light, words),
    h(
      "dl",
      { class: "promise__facts" },
      facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

/** @param {number | null} rate */
function burn(rate) {
  if (rate === null) return "–";
  return `${rate >= 10 ? number(Math.round(rate)) : Number(rate.toPrecision(2))}×`;
}
