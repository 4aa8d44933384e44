// The status tab: how the platform does, for those without a Grafana. It only shows; alerts are another matter.

import { byId, fill, h } from "../app/dom.js";
import { counted } from "../app/format.js";
import { watch } from "../app/store.js";
import { desk } from "./desk.js";
import { moderates } from "./gate.js";
import { light } from "./lights.js";
import { readInsight, trouble } from "./moderation.js";
import { redraw } from "./redraw.js";
import { objectivesPart, servicesPart } from "./statusparts.js";
import { figuresPart } from "./statusplots.js";
import { clock } from "./words.js";

const EVERY = 5000;
const WORDS = {
  good: "Everything is fine",
  warn: "Something needs a look",
  bad: "Something is wrong",
  unknown: "Not everything is known",
};

let timer = 0;
/** When the last answer came, in milliseconds. */
let read = 0;

/** Draws the tab while it is looked at. */
export function mountStatus() {
  desk.watch(["place"], begin);
  watch(["player"], begin);
}

function begin() {
  clearTimeout(timer);
  if (!moderates()) {
    read = 0;
    return fill(byId("status"));
  }
  if (desk.get().place.tab !== "status") return;
  if (!byId("status").hasChildNodes())
    fill(
      byId("status"),
      h("div", { class: "insight__head" }, h("h1", { class: "queue__title" }, "Status"), h("p", { id: "status-said", role: "status" })),
      h("div", { id: "status-notice" }),
      h("div", { id: "status-body" }, h("p", { class: "quiet insight__wait", role: "status" }, "One moment…")),
    );
  tick();
}

async function tick() {
  clearTimeout(timer);
  timer = setTimeout(tick, EVERY);
  if (document.visibilityState !== "visible" && read > 0) return;
  try {
    const status = await readInsight("/status");
    if (!moderates() || desk.get().place.tab !== "status") return;
    read = Date.now();
    draw(status);
  } catch (failure) {
    if (!moderates()) return;
    const old = read > 0 ? ` What is shown is of ${clock(read)}.` : "";
    notice("bad", `${trouble(failure)}${old}`);
    fill(byId("status-said"), light("unknown"));
    if (read > 0) byId("status-body").classList.add("stale");
    else fill(byId("status-body"));
  }
}

/** @param {any} status */
function draw(status) {
  const said = byId("status-said");
  if (said.dataset.light !== status.light) {
    said.dataset.light = status.light;
    fill(said, light(status.light, WORDS[status.light]));
  } else if (!said.hasChildNodes() || said.textContent !== WORDS[status.light]) fill(said, light(status.light, WORDS[status.light]));
  if (status.told) fill(byId("status-notice"));
  else notice("bad", "Redis is away, and the services tell how they do through it: only the stores are known. Scores still count, and boards are read from the database.");
  byId("status-body").classList.remove("stale");
  redraw(
    byId("status-body"),
    servicesPart(status),
    status.told && objectivesPart(status),
    status.told && figuresPart(status.figures, status.plots),
    status.unread > 0 &&
      h("p", { class: "fine insight__fine" }, `${counted(status.unread, "process", "processes")} of another version told things that are left out here.`),
    status.told && h("p", { class: "fine insight__fine" }, "Figures are of the last minute, plots of the last hour; each process tells its own every few seconds. A gap is a time in which nobody told anything."),
  );
}

/** @param {string} tone @param {string} text */
function notice(tone, text) {
  if (byId("status-notice").textContent !== text) fill(byId("status-notice"), h("p", { class: "notice", role: "alert", data: { tone } }, text));
}
