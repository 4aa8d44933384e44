// One player as moderators see them, and what can be done about their account.

import { fill, h } from "../app/dom.js";
import { field } from "../app/fields.js";
import { counted, day, moment, signed } from "../app/format.js";
import { avatar } from "../app/row.js";
import { toast } from "../app/toasts.js";
import { address, go } from "./address.js";
import { ask } from "./ask.js";
import { administers } from "./gate.js";
import { trouble, write } from "./moderation.js";
import { DECISIONS, instant, STATUSES } from "./words.js";

const DAYS = { 1: "1 day", 7: "1 week", 30: "30 days" };

/**
 * @param {HTMLElement} card
 * @param {any} player as the API tells moderators
 * @param {() => Promise<void>} again reads and draws once more
 */
export function drawPlayer(card, player, again) {
  const facts = [];
  if (player.suspended_until) facts.push(`suspended until ${moment(player.suspended_until)}`);
  if (player.role && player.role !== "player") facts.push(player.role);
  if (player.created_at) facts.push(`since ${day(player.created_at)}`);
  facts.push(`suspicion ${player.suspicion.toFixed(2)}`);
  if (player.held.actions > 0) facts.push(`${signed(player.held.points)} held in ${counted(player.held.actions, "result")}`);
  if (player.cleared_until && Date.parse(player.cleared_until) > Date.now()) facts.push(`cleared until ${moment(player.cleared_until)}`);
  const act = (work) => async () => {
    try {
      await work();
    } catch (failure) {
      toast(trouble(failure), "bad");
    }
    await again();
    card.querySelector("h2")?.focus();
  };
  fill(
    card,
    h(
      "header",
      { class: "case__who" },
      avatar(player.id, player.username),
      h("h2", { class: "case__title", tabindex: "-1" }, player.username),
      h(
        "span",
        { class: "ticket__chips" },
        player.protected && h("span", { class: "chip", data: { tone: "protected" } }, "Protected"),
        h("span", { class: "chip", data: { tone: player.status } }, STATUSES[player.status] ?? player.status),
      ),
    ),
    h(
      "p",
      { class: "case__facts" },
      facts.map((fact) => h("span", {}, fact)),
    ),
    player.protected && h("p", { class: "notice" }, "Protected: what happens to this player is decided in a case, by two people."),
    player.holding && h("p", { class: "notice", data: { tone: "warn" } }, "Everything this player completes is held until their case is decided."),
    actions(player, act),
    caseLinks(player),
  );
}

/** @param {any} player @param {(work: () => Promise<void>) => () => Promise<void>} act */
function actions(player, act) {
  const status = (wanted, extra = {}) => write(`/players/${encodeURIComponent(player.id)}/status`, { status: wanted, ...extra });
  const name = player.username;
  const change = (wanted, words, question) =>
    act(async () => {
      const reason = await ask({ ...question, reason: { label: "Reason, for the record", needed: true } });
      if (reason === null) return;
      await status(wanted, { reason });
      toast(words, "good");
    });
  const hide = change("hidden", `${name} is hidden.`, { title: `Hide ${name}?`, lead: "They leave every board and can still play.", yes: "Hide" });
  const ban = change("banned", `${name} is banned.`, {
    title: `Ban ${name}?`,
    lead: `The account of ${name} is closed: it leaves every board and cannot log in.`,
    yes: `Ban ${name}`,
    tone: "bad",
  });
  const restore = change("active", `${name} is active again.`, {
    title: `Restore ${name}?`,
    lead: "They can log in and are on the boards again.",
    yes: "Restore",
  });
  const openCase = act(async () => {
    const reason = await ask({
      title: `Start a case about ${name}?`,
      lead: "It comes into the queue like any other.",
      yes: "Start it",
      reason: { label: "What should be looked at", needed: true },
    });
    if (reason === null) return;
    const opened = await write(`/players/${encodeURIComponent(player.id)}/case`, { reason });
    toast(`The case about ${name} is open.`, "good");
    go({ caseId: opened.open_case });
  });
  const protect = act(async () => {
    await write(`/players/${encodeURIComponent(player.id)}/protect`, { protected: !player.protected });
    toast(player.protected ? `${name} is no longer protected.` : `${name} is protected.`, "good");
  });
  const button = (label, click, look = "") => h("button", { class: `button ${look}`, type: "button", on: { click } }, label);
  const active = player.status === "active";
  const open = player.status !== "banned" && !player.protected;
  return h(
    "div",
    { class: "person__ways" },
    h(
      "div",
      { class: "person__row" },
      active && !player.protected && button("Hide", hide),
      !active && button("Restore", restore),
      open && button("Ban", ban, "button--bad"),
      player.open_case ? h("a", { class: "button", href: address({ caseId: player.open_case }) }, "Open case") : button("Start a case", openCase),
      administers() && button(player.protected ? "End protection" : "Protect", protect),
      h("a", { class: "button", href: address({ tab: "corrections", playerId: player.id }) }, "Correct results"),
    ),
    open && suspension(player, act, status),
  );
}

/** @param {any} player @param {any} act @param {(wanted: string, extra: object) => Promise<any>} status */
function suspension(player, act, status) {
  const until = field("suspend-until", "Suspend until", { type: "datetime-local", required: true, step: 60 });
  const why = field("suspend-why", "Reason, for the record", { maxlength: 500, required: true });
  const quick = Object.entries(DAYS).map(([days, label]) =>
    h(
      "button",
      { class: "link-button", type: "button", on: { click: () => (until.input.value = local(Date.now() + Number(days) * 86_400_000)) } },
      label,
    ),
  );
  const form = h(
    "form",
    { class: "form person__suspend", novalidate: true },
    until.box,
    h("p", { class: "person__quick" }, quick),
    why.box,
    h("button", { class: "button", type: "submit" }, "Suspend"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const moment_ = Date.parse(until.input.value);
    until.complain(Number.isNaN(moment_) ? "Choose a moment." : moment_ <= Date.now() ? "Choose a moment to come." : "");
    why.complain(why.input.value.trim() ? "" : "Say why; it is kept with the account.");
    const bad = form.querySelector("[aria-invalid]");
    if (bad instanceof HTMLElement) return bad.focus();
    act(async () => {
      await status("suspended", { until: new Date(moment_).toISOString(), reason: why.input.value.trim() });
      toast(`${player.username} is suspended until ${moment(new Date(moment_).toISOString())}.`, "good");
    })();
  });
  return form;
}

/** @param {number} milliseconds @returns {string} as an input of type datetime-local wants it */
export function local(milliseconds) {
  const date = new Date(milliseconds);
  return new Date(milliseconds - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** @param {any} player */
function caseLinks(player) {
  if (!player.cases?.length) return null;
  return h(
    "section",
    { class: "part" },
    h("h3", { class: "part__title" }, "Cases"),
    h(
      "ul",
      { class: "quotes" },
      player.cases.map((each) =>
        h(
          "li",
          {},
          h("a", { class: "link", href: address({ filter: each.decision ? "decided" : "open", caseId: each.id }) }, `Case ${each.number}`),
          ` ${each.decision ? (DECISIONS[each.decision] ?? each.decision) : "Open"} · ${instant(each.decided_at ?? each.opened_at)}`,
        ),
      ),
    ),
  );
}
