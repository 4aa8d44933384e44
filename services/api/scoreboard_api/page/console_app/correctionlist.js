// The corrections that were made, newest first, and undoing one.

import { fill, h } from "../app/dom.js";
import { counted, number } from "../app/format.js";
import { toast } from "../app/toasts.js";
import { ask } from "./ask.js";
import { read, trouble, write } from "./moderation.js";
import { instant } from "./words.js";

/** @returns {{element: HTMLElement, read: () => Promise<void>, forget: () => void}} */
export function makeHistory() {
  const element = h("div", { class: "history" });
  /** @type {any[]} */
  let items = [];
  /** @type {string | null} */
  let next = null;
  async function readAll() {
    try {
      const page = await read("/corrections");
      items = page.items;
      next = page.next_cursor;
      draw();
    } catch (failure) {
      fill(element, h("p", { class: "notice", role: "alert", data: { tone: "bad" } }, trouble(failure)));
    }
  }
  function draw() {
    fill(
      element,
      items.length === 0
        ? h("p", { class: "quiet" }, "None yet. A correction voids results on every board at once and can be undone.")
        : h(
            "ol",
            { class: "history__list" },
            items.map((each) => entry(each, () => undo(each))),
          ),
      next !== null && h("button", { class: "button", type: "button", on: { click: more } }, "Show more"),
    );
  }
  async function more() {
    try {
      const page = await read("/corrections", { cursor: next });
      items = [...items, ...page.items];
      next = page.next_cursor;
      draw();
    } catch (failure) {
      toast(trouble(failure), "bad");
    }
  }
  /** @param {any} each */
  async function undo(each) {
    const reason = await ask({
      title: `Undo correction ${each.number}?`,
      lead: `${counted(each.actions, "result")} count again, from when they were made. Everybody's boards follow at once.`,
      yes: "Undo it",
      reason: { label: "Reason, for the record", needed: true },
    });
    if (reason === null) return;
    try {
      await write(`/corrections/${encodeURIComponent(each.id)}/undo`, { reason });
      toast(`Correction ${each.number} is undone.`, "good");
    } catch (failure) {
      toast(trouble(failure), "bad");
    }
    await readAll();
  }
  return { element, read: readAll, forget: () => fill(element) };
}

/** @param {any} each @param {() => void} undo */
function entry(each, undo) {
  const name = (by) => (typeof by === "string" ? by : (by?.username ?? "somebody"));
  return h(
    "li",
    { class: "history__entry", data: { correction: each.id } },
    h(
      "p",
      { class: "history__title" },
      `Correction ${each.number}`,
      h("span", { class: "chip", data: { tone: each.undone_at ? "dismiss" : "reject" } }, each.undone_at ? "Undone" : "Applied"),
    ),
    h("p", {}, `${counted(each.actions, "result")} of ${counted(each.players, "player")}, ${number(each.points)} points`),
    h("blockquote", { class: "words" }, each.reason),
    h(
      "p",
      { class: "case__facts" },
      h("span", {}, `${name(each.applied_by)}, ${instant(each.applied_at)}`),
      each.undone_at && h("span", {}, `undone by ${name(each.undone_by)}, ${instant(each.undone_at)}`),
    ),
    each.not_restored > 0 &&
      h("p", { class: "fine" }, `${counted(each.not_restored, "result")} stayed void: something else has decided about them since.`),
    !each.undone_at &&
      h(
        "button",
        { class: "button button--small", type: "button", on: { click: undo } },
        "Undo",
        h("span", { class: "visually-hidden" }, ` correction ${each.number}`),
      ),
  );
}
