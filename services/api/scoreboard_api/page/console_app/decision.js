// Deciding: the buttons, the note, and the question before anything that hurts the player. After a decision the next open
// case comes by itself.

import { byId, fill, h, setText } from "../app/dom.js";
import { field } from "../app/fields.js";
import { counted, number } from "../app/format.js";
import { get } from "../app/store.js";
import { toast } from "../app/toasts.js";
import { go } from "./address.js";
import { decide, readAgain } from "./casereads.js";
import { cases, desk, shownCase } from "./desk.js";
import { ask } from "./ask.js";
import { isConflict, trouble } from "./moderation.js";
import { DECISIONS, instant, since } from "./words.js";

const WAYS = {
  release: {
    label: "Release",
    key: "R",
    tone: "primary",
    held: "Held points count, from the moment they were made.",
    none: "Nothing was wrong.",
  },
  dismiss: { label: "Dismiss", key: "D", tone: "plain", held: "", none: "Nothing was wrong. The same signs do not bring the player up again." },
  reject: {
    label: "Reject",
    key: "X",
    tone: "bad",
    held: "Held points are void.",
    none: "It was not fair. Nothing is held, so no points change.",
  },
  ban: {
    label: "Ban",
    key: "B",
    tone: "bad",
    held: "Held points are void and the account is closed.",
    none: "The account is closed and leaves every board.",
  },
};

let busy = false;

/**
 * The panel of one case. Its note survives refreshes.
 * @returns {{update: (item: import("./desk.js").OpenCase, place: HTMLElement) => void}}
 */
export function makeDecision() {
  const note = field("note", "Note for the record", { tag: "textarea", rows: 2, maxlength: 2000 });
  const buttons = Object.entries(WAYS).map(([decision, way]) =>
    h(
      "button",
      {
        class: `button button--${way.tone} way`,
        type: "button",
        data: { decision },
        "aria-keyshortcuts": way.key.toLowerCase(),
        "aria-labelledby": `way-${decision}`,
        "aria-describedby": `way-${decision}-says`,
        on: { click: () => take(decision) },
      },
      h("span", { class: "way__label", id: `way-${decision}` }, way.label),
      h("span", { class: "way__says", id: `way-${decision}-says` }),
      h("kbd", { "aria-hidden": "true" }, way.key),
    ),
  );
  const words = h("div", { class: "decision__words" });
  const alert = h("p", { class: "form__alert", role: "alert", id: "decision-alert", hidden: true });
  const open = [note.box, h("div", { class: "ways" }, buttons), alert];
  return {
    update(item, place) {
      const title = h("h3", { class: "part__title" }, item.status === "open" ? "Decide" : "Decision");
      for (const button of buttons) {
        button.hidden = !item.may.decide.includes(button.dataset.decision);
        setText(button.querySelector(".way__says"), says(item, button.dataset.decision));
      }
      fill(words, ...wordsOf(item));
      const may = item.status === "open" && item.may.decide.length > 0;
      if (!may) return fill(place, title, words);
      if (!place.contains(note.box)) fill(place, title, words, open);
      else place.querySelector(".part__title")?.replaceWith(title);
    },
  };
}

/** @param {import("./desk.js").OpenCase} item @param {string} decision what it does to the points, and to the account */
function says(item, decision) {
  const points = WAYS[decision][item.held.actions > 0 ? "held" : "none"];
  return `${points} ${account(item, decision)}`.trim();
}

/** @param {import("./desk.js").OpenCase} item @param {string} decision */
function account(item, decision) {
  const { status } = item.player;
  const closed = status === "suspended" || status === "banned";
  if (decision === "release" && item.may.lifts) return status === "banned" ? "The ban ends." : "The suspension ends.";
  if (decision === "ban") return "";
  if (closed) return `The account stays ${status}.`;
  return decision === "reject" ? "The player goes on playing." : "";
}

/** @param {import("./desk.js").OpenCase} item @returns {Node[]} */
function wordsOf(item) {
  const said = [];
  const me = get().player?.id;
  const name = (by) => (by === null ? "the deadline" : by.id === me ? "you" : by.username);
  if (item.decision) {
    said.push(
      h(
        "p",
        { class: "decision__made" },
        h("span", { class: "chip", data: { tone: item.decision.decision } }, DECISIONS[item.decision.decision] ?? item.decision.decision),
        ` by ${name(item.decision.by)}, ${instant(item.decision.at)}`,
      ),
    );
    if (item.decision.note) said.push(h("blockquote", { class: "decision__note" }, item.decision.note));
    return said;
  }
  if (item.proposal) said.push(h("p", { class: "notice", data: { tone: "warn" } }, proposed(item, me)));
  else if (item.may.second_needed) {
    const words = `${item.player.username} is protected: what you decide is a proposal, and a second person confirms it.`;
    said.push(h("p", { class: "notice", data: { tone: "warn" } }, words));
  }
  if (item.may.decide.length === 0 && !item.proposal)
    said.push(h("p", { class: "quiet" }, item.claim && item.claim.by.id !== me ? "Whoever has the case decides." : "You cannot decide this case."));
  return said;
}

/** @param {import("./desk.js").OpenCase} item @param {string | undefined} me */
function proposed({ proposal, may }, me) {
  if (!proposal) return "";
  const who = proposal.by.id === me ? "You" : proposal.by.username;
  const next = may.second_needed || may.decide.length === 0 ? "A second person has to confirm it." : "Deciding the same confirms it.";
  return `${who} proposed to ${proposal.decision}, ${since(proposal.at)}. ${next}`;
}

/**
 * Decides the open case, after a question where it hurts the player.
 * @param {string} decision
 */
export async function take(decision) {
  const item = shownCase();
  if (!item || busy || !item.may.decide.includes(decision)) return;
  const alert = byId("decision-alert");
  busy = true;
  try {
    alert.hidden = true;
    if (WAYS[decision].tone === "bad" && (await ask(question(item, decision))) === null) return;
    const next = following(item.id);
    const done = await decide(item.id, decision, byId("note").value.trim());
    toast(outcome(item, done, decision), "good");
    await readAgain(item.id);
    if (done.status !== "open" && desk.get().place.caseId === item.id && desk.get().place.filter !== "decided") moveOn(next);
  } catch (failure) {
    if (isConflict(failure)) await readAgain(item.id);
    const place = document.getElementById("decision-alert");
    if (!place) return toast(trouble(failure), "bad");
    place.textContent = trouble(failure);
    place.hidden = false;
  } finally {
    busy = false;
  }
}

/** @param {import("./desk.js").OpenCase} item @param {string} decision */
function question(item, decision) {
  const held =
    item.held.actions > 0 ? `${counted(item.held.actions, "held result")} (${number(item.held.points)} points) will be void.` : "No points are held.";
  const name = item.player.username;
  if (decision === "ban")
    return {
      title: `Ban ${name}?`,
      lead: `${held} The account of ${name} is closed: it leaves every board and cannot log in.`,
      yes: `Ban ${name}`,
      tone: /** @type {const} */ ("bad"),
    };
  const { status } = item.player;
  const after = status === "suspended" || status === "banned" ? `${name} stays ${status}.` : `${name} goes on playing.`;
  return { title: `Reject what ${name} did?`, lead: `${held} ${after}`, yes: "Reject", tone: /** @type {const} */ ("bad") };
}

/** @param {import("./desk.js").OpenCase} item @param {import("./desk.js").Case} done @param {string} decision */
function outcome(item, done, decision) {
  const name = item.player.username;
  if (done.status === "open") return `Noted: you propose to ${decision}. A second person confirms it.`;
  if (decision === "release")
    return item.held.actions > 0
      ? `Released: ${counted(item.held.actions, "result")} of ${name} count from when they were made.`
      : `Released: ${name} is cleared.`;
  if (decision === "reject") return `Rejected: the held points of ${name} are void.`;
  if (decision === "ban") return `Banned: ${name} is off every board.`;
  return `Dismissed: nothing was wrong with ${name}.`;
}

/** @param {string} id @returns {string} the case after this one in the queue, empty when it is the last */
function following(id) {
  const items = cases();
  const place = items.findIndex((each) => each.id === id);
  return (items[place + 1] ?? items[place - 1])?.id ?? "";
}

/** @param {string} next */
function moveOn(next) {
  const { filter } = desk.get().place;
  const there = cases().some((each) => each.id === next);
  go({ filter, caseId: there ? next : "" });
  desk.set({ cursor: there ? next : "" });
  focusTitle();
}

/** Moves the focus to the title of the case as soon as it is there, or to the list. */
export function focusTitle() {
  const { place } = desk.get();
  if (place.caseId === "") return byId("desk").focus();
  const stop = Date.now() + 5000;
  const look = () => {
    const { opened } = desk.get();
    if (opened.status === "ready" && opened.id === desk.get().place.caseId) document.querySelector("h2#case-title")?.focus();
    else if (Date.now() < stop) requestAnimationFrame(look);
  };
  look();
}
