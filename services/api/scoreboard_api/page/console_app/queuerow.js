// One case in the queue: who, what, why in words, how long it has waited and how long it may, and who has it.

import { fill, h, setText } from "../app/dom.js";
import { counted, signed } from "../app/format.js";
import { avatar } from "../app/row.js";
import { get } from "../app/store.js";
import { address } from "./address.js";
import { DECISIONS, left, named, since, SOURCES, VERDICTS } from "./words.js";

/**
 * @typedef {{element: HTMLElement, item: import("./desk.js").Case | null, shown: string, parts: Record<string, any>}} QueueRow
 */

/** @param {import("./desk.js").Case} item @returns {QueueRow} */
export function makeRow(item) {
  const parts = {
    link: h("a", { class: "ticket__link" }),
    chips: h("span", { class: "ticket__chips" }),
    why: h("p", { class: "ticket__why" }),
    facts: h("p", { class: "ticket__facts" }),
    who: h("p", { class: "ticket__who" }),
  };
  const element = h(
    "li",
    { class: "ticket", data: { case: item.id } },
    avatar(item.player.id, item.player.username),
    h("div", { class: "ticket__body" }, h("div", { class: "ticket__line" }, parts.link, parts.chips), parts.why, parts.facts, parts.who),
  );
  return { element, item: null, shown: "", parts };
}

/**
 * Shows the case as it is now.
 * @param {QueueRow} row
 * @param {import("./desk.js").Case} item
 * @param {{place: import("./desk.js").Place, cursor: string}} desk
 */
export function updateRow(row, item, { place, cursor }) {
  const { element, parts } = row;
  row.item = item;
  element.classList.toggle("ticket--open", item.id === place.caseId);
  element.classList.toggle("ticket--cursor", item.id === cursor);
  if (item.id === place.caseId) parts.link.setAttribute("aria-current", "true");
  else parts.link.removeAttribute("aria-current");
  parts.link.setAttribute("href", address({ filter: place.filter, caseId: item.id }));
  const late = item.status === "open" && Date.parse(item.due_at) < Date.now();
  element.dataset.late = String(late);
  const facts = factsOf(item);
  const owner = ownerOf(item);
  const shown = JSON.stringify([item, facts, owner, late]);
  if (shown === row.shown) return;
  row.shown = shown;
  if (parts.link.textContent !== item.player.username)
    fill(parts.link, h("span", { class: "visually-hidden" }, `Case ${item.number}: `), h("span", { class: "ticket__name" }, item.player.username));
  fill(parts.chips, ...chips(item));
  setText(parts.why, named(item.signals.slice(0, 2)) || `Brought up by ${SOURCES[item.source]?.toLowerCase() ?? item.source}`);
  fill(parts.facts, ...facts.map((fact) => h("span", { data: { tone: fact.endsWith(" late") ? "bad" : "" } }, fact)));
  setText(parts.who, owner);
}

/**
 * Marks of a case: what it led to, who brought it up, what makes it urgent.
 * @param {import("./desk.js").Case} item
 * @returns {HTMLElement[]}
 */
export function chips(item) {
  const verdict = item.decision
    ? h("span", { class: "chip", data: { tone: item.decision.decision } }, DECISIONS[item.decision.decision] ?? item.decision.decision)
    : h("span", { class: "chip", data: { tone: item.verdict } }, VERDICTS[item.verdict] ?? item.verdict);
  return [
    verdict,
    ...item.stakes.map((stake) => h("span", { class: "chip", data: { tone: "stake" } }, stake)),
    ...(item.player.protected ? [h("span", { class: "chip", data: { tone: "protected" } }, "Protected")] : []),
  ];
}

/** @param {import("./desk.js").Case} item @returns {string[]} */
function factsOf(item) {
  const facts = [`#${item.number}`];
  if (item.held.actions > 0) facts.push(`${signed(item.held.points)} in ${counted(item.held.actions, "result")}`);
  if (item.decision) return [...facts, `decided ${since(item.decision.at)}`];
  return [...facts, since(item.opened_at), left(item.due_at)];
}

/** @param {import("./desk.js").Case} item @returns {string} */
function ownerOf(item) {
  const me = get().player?.id;
  if (item.decision) return item.decision.by ? `By ${item.decision.by.id === me ? "you" : item.decision.by.username}` : "By the deadline";
  if (item.proposal) return `${item.proposal.by.id === me ? "You" : item.proposal.by.username} proposed; a second person is needed`;
  if (!item.claim) return "";
  return item.claim.by.id === me ? "You have it" : `${item.claim.by.username} has it`;
}
