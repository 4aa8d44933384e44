// The open case: what is claimed, the evidence, and what may be decided. A refresh changes only the parts whose facts have
// changed, so a note that is being written and the place of reading stay.

import { byId, fill, h, icon } from "../app/dom.js";
import { counted, signed } from "../app/format.js";
import { avatar } from "../app/row.js";
import { address } from "./address.js";
import { readCase } from "./casereads.js";
import { drawClaim } from "./claim.js";
import { makeDecision } from "./decision.js";
import { desk } from "./desk.js";
import { appealPart, earlierPart, heldPart, reportsPart, standingsPart } from "./records.js";
import { chips } from "./queuerow.js";
import { drawRhythm } from "./rhythm.js";
import { drawReasons } from "./reasons.js";
import { claimed, instant, left, since } from "./words.js";

let drawnId = "";
let drawnStatus = "";
/** @type {{name: string, facts: (data: import("./desk.js").OpenCase) => any, draw: (data: any, place: HTMLElement) => void, place: HTMLElement, shown: string}[]} */
let sections = [];

/** Draws the case and keeps it current. */
export function mountCase() {
  desk.watch(["opened", "place"], draw);
}

function draw() {
  const { opened, place } = desk.get();
  const box = byId("case");
  const state = place.caseId === "" ? "none" : opened.id !== place.caseId ? "loading" : opened.status;
  if (state !== "ready") {
    if (drawnStatus !== state || state === "error") fill(box, BLANKS[state](opened.problem));
    drawnStatus = state;
    drawnId = "";
    return;
  }
  const data = /** @type {import("./desk.js").OpenCase} */ (opened.data);
  if (drawnId !== data.id) frame(box, data);
  for (const section of sections) {
    const facts = section.facts(data);
    const shown = JSON.stringify(facts);
    if (shown === section.shown) continue;
    section.shown = shown;
    const unfolded = Array.from(section.place.querySelectorAll("details"), (each) => each.open);
    section.draw(facts, section.place);
    section.place.querySelectorAll("details").forEach((each, place) => (each.open = unfolded[place] ?? false));
    section.place.hidden = !section.place.hasChildNodes();
  }
  drawnStatus = state;
}

/** @param {HTMLElement} box @param {import("./desk.js").OpenCase} data */
function frame(box, data) {
  drawnId = data.id;
  const part = (name, facts, draw) => ({ name, facts, draw, place: h("section", { class: `part part--${name}` }), shown: "" });
  const decision = makeDecision();
  const head = part(
    "head",
    (item) => [item, left(item.due_at)],
    ([item], place) => fill(place, ...headOf(item)),
  );
  const claim = part(
    "claim",
    (item) => [item.id, item.status, item.claim, item.may.claim],
    (_facts, place) => drawClaim(/** @type {any} */ (desk.get().opened.data), place),
  );
  const decide = {
    ...part(
      "decision",
      (item) => [item.status, item.may, item.proposal, item.decision, item.claim, item.player, item.held, item.evidence.frozen_at],
      (_facts, place) => decision.update(/** @type {any} */ (desk.get().opened.data), place),
    ),
  };
  const reasons = part(
    "reasons",
    (item) => [item.evidence.model, item.evidence.events],
    ([model, events], place) => drawReasons(model, events, place),
  );
  const rhythm = part(
    "rhythm",
    (item) => [item.evidence.model?.histogram ?? null, item.evidence.timeline, item.player.username],
    ([histogram, timeline, name], place) => drawRhythm(histogram, timeline, name, place),
  );
  const filled = (name, facts, draw) => part(name, facts, (given, place) => fill(place, draw(given)));
  const standings = filled("standings", (item) => item.evidence.standings, standingsPart);
  const held = filled(
    "held",
    (item) => [item.evidence.held, item.held],
    ([held, total]) => heldPart(held, total),
  );
  const appeal = filled("appeal", (item) => item.evidence.appeal, appealPart);
  const reports = filled("reports", (item) => item.evidence.reports, reportsPart);
  const earlier = filled("earlier", (item) => item.evidence.earlier, earlierPart);
  sections = [head, claim, decide, standings, appeal, reasons, rhythm, held, reports, earlier];
  fill(
    box,
    h(
      "a",
      { class: "case__back", href: address({ filter: desk.get().place.filter }), "aria-keyshortcuts": "u" },
      icon("M15 5l-7 7 7 7"),
      "All cases",
    ),
    h("div", { class: "case__top" }, head.place, claim.place),
    h(
      "div",
      { class: "case__columns" },
      h("div", { class: "case__side" }, decide.place, standings.place),
      h("div", { class: "case__main" }, appeal.place, reasons.place, rhythm.place, held.place, reports.place, earlier.place),
    ),
  );
  box.scrollTop = 0;
}

/** What becomes of held points when nobody decides; a mere flag waits on. @param {import("./desk.js").OpenCase} item */
function atDeadline(item) {
  const holds = item.held.actions > 0 || item.verdict === "hold" || item.verdict === "suspend";
  if (!holds) return "";
  return item.auto_release ? ", then the points are released" : ", then the points stay held";
}

/** @param {import("./desk.js").OpenCase} item @returns {(Node | false)[]} */
function headOf(item) {
  const facts = [`Case ${item.number}`, `opened ${since(item.opened_at)}`];
  if (item.status === "open") facts.push(left(item.due_at) + atDeadline(item));
  if (item.held.actions > 0) facts.push(`${signed(item.held.points)} held in ${counted(item.held.actions, "result")}`);
  if (item.evidence.frozen_at) facts.push(`evidence frozen ${instant(item.evidence.frozen_at)}`);
  return [
    h(
      "div",
      { class: "case__who" },
      avatar(item.player.id, item.player.username),
      h(
        "h2",
        { class: "case__title", id: "case-title", tabindex: "-1" },
        h("a", { class: "case__player", href: address({ tab: "players", playerId: item.player.id }) }, item.player.username),
      ),
      h("span", { class: "ticket__chips" }, chips(item)),
    ),
    h("p", { class: "case__claimed" }, claimed(item)),
    h(
      "p",
      { class: "case__facts" },
      facts.map((fact) => h("span", {}, fact)),
    ),
    item.appeal_of !== null &&
      h(
        "p",
        { class: "case__facts" },
        h("a", { class: "link", href: address({ filter: desk.get().place.filter, caseId: item.appeal_of }) }, "The case that is appealed"),
      ),
  ];
}

/** @type {Record<string, (problem: string) => Node>} */
const BLANKS = {
  none: () =>
    h(
      "div",
      { class: "blank case__blank" },
      icon("M9 11l3 3 8-8M20 12v7a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1h10", "blank__icon"),
      h("h2", { class: "blank__title", id: "case-title" }, "Open a case"),
      h("p", { class: "blank__text" }, "Choose one on the left, or press j and then o. Press ? for all keys."),
    ),
  loading: () =>
    h(
      "div",
      { class: "skeleton skeleton--case" },
      h("h2", { class: "visually-hidden", id: "case-title", role: "status" }, "Loading the case"),
      Array.from({ length: 3 }, () => h("div", { class: "skeleton__card", "aria-hidden": "true" })),
    ),
  error: (problem) =>
    h(
      "div",
      { class: "blank case__blank", role: "alert" },
      icon("M12 8v5M12 16.5v.01M12 3 2.5 20h19L12 3Z", "blank__icon"),
      h("h2", { class: "blank__title", id: "case-title" }, "The case could not be opened"),
      h("p", { class: "blank__text" }, problem),
      h("button", { class: "button", type: "button", on: { click: () => readCase(desk.get().place.caseId) } }, "Try again"),
    ),
};
