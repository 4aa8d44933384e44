// A new correction: which results, what would change, and only then doing it. What was previewed is what is applied; if
// the boards have moved since, the difference is shown again.

import { call } from "../app/api.js";
import { fill, h } from "../app/dom.js";
import { field } from "../app/fields.js";
import { counted, number } from "../app/format.js";
import { toast } from "../app/toasts.js";
import { desk } from "./desk.js";
import { drawDiff } from "./diff.js";
import { ask } from "./ask.js";
import { isConflict, read, trouble, write } from "./moderation.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * @param {() => void} applied called after a correction was made
 * @returns {{element: HTMLElement, choosePlayer: (id: string) => void}}
 */
export function makeScopeForm(applied) {
  const found = h("datalist", { id: "scope-people" });
  const player = field(
    "scope-player",
    "Player",
    { autocomplete: "off", spellcheck: "false", maxlength: 36, list: "scope-people" },
    "Name or id. Empty: everybody.",
  );
  const action = field(
    "scope-action",
    "One result",
    { autocomplete: "off", spellcheck: "false", maxlength: 36 },
    "The id of an action, if it is a single one.",
  );
  const kind = field("scope-kind", "What was played", { tag: "select", children: [h("option", { value: "" }, "Anything")] });
  const since = field("scope-since", "From", { type: "datetime-local", step: 1 });
  const until = field("scope-until", "Until", { type: "datetime-local", step: 1 });
  const reason = field("scope-reason", "Reason", { tag: "textarea", rows: 2, maxlength: 2000 }, "Kept with the correction.");
  const alert = h("p", { class: "form__alert", role: "alert", hidden: true });
  const preview = h("button", { class: "button button--primary", type: "submit" }, "Show what would change");
  const result = h("div", { class: "preview", id: "preview", role: "status" });
  const form = h(
    "form",
    { class: "form", novalidate: true, "aria-label": "Which results" },
    player.box,
    found,
    h("div", { class: "form__pair" }, since.box, until.box),
    kind.box,
    action.box,
    reason.box,
    alert,
    preview,
  );
  const names = new Map();
  let timer = 0;
  player.input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => suggest(player.input.value.trim(), found, names), 250);
  });
  fillKinds(kind.input);

  /** @returns {Promise<object | null>} what the form says, null when it says something impossible */
  async function scope() {
    const wanted = {};
    for (const each of [player, action, since, until]) each.complain("");
    const who = player.input.value.trim();
    if (who) {
      const id = UUID.test(who) ? who : await idOf(who, names);
      if (id === null) player.complain("Nobody has this name.");
      else wanted.player_id = id;
    }
    if (action.input.value.trim()) wanted.action_id = action.input.value.trim();
    if (wanted.action_id && !UUID.test(wanted.action_id)) action.complain("An id looks like 01890000-0000-7000-8000-000000000000.");
    if (kind.input.value) wanted.kind = kind.input.value;
    if (since.input.value) wanted.since = new Date(since.input.value).toISOString();
    if (until.input.value) wanted.until = new Date(until.input.value).toISOString();
    if (wanted.since && wanted.until && wanted.since >= wanted.until) until.complain("The end has to come after the beginning.");
    if (Object.keys(wanted).length === 0 && !form.querySelector("[aria-invalid]"))
      player.complain("Say which results: a player, a time, what was played, or one result.");
    const bad = form.querySelector("[aria-invalid]");
    if (bad instanceof HTMLElement) bad.focus();
    return bad ? null : wanted;
  }

  async function show() {
    alert.hidden = true;
    preview.disabled = true;
    try {
      const wanted = await scope();
      if (wanted === null) return;
      const made = await write("/corrections/preview", { scope: wanted });
      fill(
        result,
        ...drawDiff(made),
        made.actions > 0 &&
          h(
            "button",
            { class: "button button--bad", type: "button", on: { click: () => apply(wanted, made) } },
            `Void ${counted(made.actions, "result")}`,
          ),
      );
      result.scrollIntoView({ block: "nearest" });
    } catch (failure) {
      complain(failure);
    } finally {
      preview.disabled = false;
    }
  }

  /** @param {{player_id?: string}} wanted @param {any} made the preview */
  async function apply(wanted, made) {
    reason.complain(reason.input.value.trim() ? "" : "Say why; it is kept with the correction.");
    if (!reason.input.value.trim()) return reason.input.focus();
    const sure = await ask({
      title: `Void ${counted(made.actions, "result")}?`,
      lead: `${counted(made.players, "player")} lose ${number(made.points)} points. Everybody's boards follow at once. It can be undone.`,
      yes: "Apply the correction",
      tone: "bad",
    });
    if (sure === null) return;
    // The case is about one player: for anybody else's results the correction stands by itself.
    const { caseId, playerId } = desk.get().place;
    const about = wanted.player_id === playerId ? caseId : "";
    try {
      const done = await write("/corrections", {
        scope: wanted,
        reason: reason.input.value.trim(),
        digest: made.digest,
        ...(about ? { case_id: about } : {}),
      });
      fill(result);
      toast(`Correction ${done.number} is applied.`, "good");
      applied();
    } catch (failure) {
      complain(failure);
      if (isConflict(failure)) await show();
      if (isConflict(failure)) complain("The results have changed since. This is what would change now.");
    }
  }

  /** @param {unknown} failure */
  function complain(failure) {
    alert.textContent = typeof failure === "string" ? failure : trouble(failure);
    alert.hidden = false;
  }

  form.addEventListener("input", () => fill(result));
  reason.input.addEventListener("input", (event) => event.stopPropagation());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  return {
    element: h("div", { class: "correct" }, form, result),
    choosePlayer(id) {
      player.input.value = id;
      fill(result);
      if (id)
        read(`/players/${encodeURIComponent(id)}`).then(
          (one) => {
            names.set(one.username, one.id);
            if (player.input.value === id) player.input.value = one.username;
          },
          () => {},
        );
    },
  };
}

/** @param {string} query @param {HTMLElement} found @param {Map<string, string>} names */
async function suggest(query, found, names) {
  if (query.length < 1 || UUID.test(query)) return fill(found);
  try {
    const { items } = await read("/players", { query });
    for (const one of items) names.set(one.username, one.id);
    fill(found, ...items.map((one) => h("option", { value: one.username })));
  } catch {
    fill(found);
  }
}

/** @param {string} name @param {Map<string, string>} names @returns {Promise<string | null>} */
async function idOf(name, names) {
  if (names.has(name)) return names.get(name) ?? null;
  const { items } = await read("/players", { query: name });
  return items.find((one) => one.username.toLowerCase() === name.toLowerCase())?.id ?? null;
}

/** @param {HTMLSelectElement} select */
async function fillKinds(select) {
  select.addEventListener("focus", load, { once: true });
  async function load() {
    try {
      const kinds = (await call("GET", "/action-kinds", { player: true })).items;
      select.append(...kinds.map((kind) => h("option", { value: kind.key }, kind.title)));
    } catch {
      select.addEventListener("focus", load, { once: true });
    }
  }
}
