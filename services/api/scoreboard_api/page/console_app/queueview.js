// The queue: who waits for a decision, most urgent first. Rows are kept and changed in place, so that the focus and the
// reading place survive every refresh.

import { byId, fill, h, icon, setText } from "../app/dom.js";
import { counted, number, span } from "../app/format.js";
import { announce } from "../app/toasts.js";
import { address } from "./address.js";
import { readMore, readQueue } from "./casereads.js";
import { cases, desk } from "./desk.js";
import { trouble } from "./moderation.js";
import { makeRow, updateRow } from "./queuerow.js";

const FILTERS = { open: "Open", mine: "Mine", decided: "Decided" };
const EMPTY = {
  open: ["Nobody waits", "Every case is decided. New ones appear here by themselves."],
  mine: ["You have taken no case", "Open one and take it, so that two people do not work on the same."],
  decided: ["Nothing was decided yet", "Decided cases stay here with the evidence as it was."],
};

/** @type {Map<string, import("./queuerow.js").QueueRow>} */
const rows = new Map();
/** @type {Record<string, any>} */
const parts = {};
let known = /** @type {Set<string> | null} */ (null);

/** Draws the queue and keeps it current. */
export function mountQueue() {
  parts.filters = h(
    "nav",
    { class: "filters", "aria-label": "Which cases" },
    Object.entries(FILTERS).map(([key, label]) =>
      h(
        "a",
        { class: "filter", href: address({ filter: /** @type {any} */ (key) }), data: { filter: key } },
        `${label} `,
        h("span", { class: "filter__count" }),
      ),
    ),
  );
  parts.facts = h("p", { class: "queue__facts", id: "queue-facts" });
  parts.trouble = h("div", { role: "alert" });
  parts.list = h("ol", { class: "queue__list", id: "queue-list", "aria-labelledby": "queue-title" });
  parts.blank = h("div", {});
  parts.more = h("button", { class: "button button--wide queue__more", type: "button", hidden: true, on: { click: more } }, "Show more");
  fill(
    byId("queue"),
    h("header", { class: "queue__head" }, h("h1", { class: "queue__title", id: "queue-title" }, "Cases"), parts.filters),
    parts.facts,
    parts.trouble,
    parts.list,
    parts.blank,
    parts.more,
  );
  desk.watch(["queue", "place", "cursor"], draw);
  setInterval(() => rows.forEach((row) => row.item && updateRow(row, row.item, desk.get())), 20_000);
}

function draw() {
  const { queue, place } = desk.get();
  const items = queue.filter === place.filter ? cases() : [];
  drawFilters();
  fill(
    parts.trouble,
    queue.problem !== "" &&
      h("p", { class: "notice", data: { tone: "bad" } }, queue.status === "ready" ? `This list may be old. ${queue.problem}` : queue.problem),
  );
  const present = new Set(items.map((item) => item.id));
  const focused = document.activeElement;
  for (const [id, row] of rows) {
    if (present.has(id)) continue;
    row.element.remove();
    rows.delete(id);
  }
  let position = parts.list.firstElementChild;
  for (const item of items) {
    let row = rows.get(item.id);
    if (!row) rows.set(item.id, (row = makeRow(item)));
    updateRow(row, item, desk.get());
    if (row.element === position) position = position.nextElementSibling;
    else parts.list.insertBefore(row.element, position);
  }
  // A row that moved has lost the focus on its way.
  if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  parts.list.hidden = items.length === 0;
  parts.more.hidden = queue.next === null || items.length === 0;
  fill(parts.blank, items.length === 0 && blank());
  tellArrivals(items);
}

function drawFilters() {
  const { queue, place } = desk.get();
  const counts = queue.counts;
  for (const link of parts.filters.children) {
    const key = link.dataset.filter;
    if (key === place.filter) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    setText(link.querySelector(".filter__count"), counts && key !== "decided" ? number(counts[key]) : "");
  }
  const facts = [];
  if (counts && counts.held_actions > 0) facts.push(`${counted(counts.held_actions, "result")} held`);
  if (counts && counts.oldest_age_s !== null && counts.open > 0) facts.push(`oldest waits ${span(counts.oldest_age_s)}`);
  if (counts && counts.overdue > 0) facts.push(`${number(counts.overdue)} overdue`);
  setText(parts.facts, facts.join(" · "));
  parts.facts.hidden = facts.length === 0;
}

function blank() {
  const { queue, place } = desk.get();
  if (queue.status === "error") return h("button", { class: "button queue__again", type: "button", on: { click: readQueue } }, "Try again");
  if (queue.status === "loading")
    return h(
      "div",
      { class: "skeleton" },
      h("p", { class: "visually-hidden", role: "status" }, "Loading the cases"),
      Array.from({ length: 4 }, () => h("div", { class: "skeleton__card", "aria-hidden": "true" })),
    );
  const [title, text] = EMPTY[place.filter];
  return h(
    "div",
    { class: "blank blank--small" },
    icon("M20 7 9.5 17.5 4 12", "blank__icon"),
    h("p", { class: "blank__title" }, title),
    h("p", { class: "blank__text" }, text),
  );
}

/** A new case is worth a word to who cannot see the list. @param {import("./desk.js").Case[]} items */
function tellArrivals(items) {
  const { queue, place } = desk.get();
  if (queue.status !== "ready" || place.filter !== "open") return;
  const fresh = known ? items.filter((item) => !known?.has(item.id)) : [];
  known = new Set(items.map((item) => item.id));
  if (fresh.length > 0) announce(fresh.length === 1 ? `New case: ${fresh[0].player.username}.` : `${fresh.length} new cases.`);
}

async function more() {
  parts.more.disabled = true;
  try {
    await readMore();
  } catch (failure) {
    fill(parts.trouble, h("p", { class: "notice", data: { tone: "bad" } }, trouble(failure)));
  } finally {
    parts.more.disabled = false;
  }
}
