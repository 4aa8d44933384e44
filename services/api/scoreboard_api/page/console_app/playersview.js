// The players tab: finding somebody, seeing how they stand, and hiding, suspending, banning or restoring them.

import { byId, fill, h } from "../app/dom.js";
import { field } from "../app/fields.js";
import { avatar } from "../app/row.js";
import { watch } from "../app/store.js";
import { address } from "./address.js";
import { desk } from "./desk.js";
import { moderates } from "./gate.js";
import { read, trouble } from "./moderation.js";
import { drawPlayer } from "./playercard.js";
import { STATUSES } from "./words.js";

const WAIT = 250;

let timer = 0;
let asked = "";
/** @type {string | null} */
let shownId = null;

/** Draws the tab and keeps it current. */
export function mountPlayers() {
  const search = field("player-search", "Find a player", {
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 32,
    placeholder: "The name begins with…",
  });
  const results = h("ul", { class: "people", "aria-label": "Players found" });
  const said = h("p", { class: "quiet", role: "status" });
  const card = h("section", { class: "person", "aria-label": "Player" });
  search.input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => find(search.input.value.trim(), results, said), WAIT);
  });
  fill(
    byId("players"),
    h(
      "div",
      { class: "split" },
      h("section", { class: "split__list" }, h("h1", { class: "queue__title" }, "Players"), h("div", { role: "search" }, search.box), said, results),
      card,
    ),
  );
  const follow = () => {
    const { tab, playerId } = desk.get().place;
    if (!moderates()) {
      search.input.value = "";
      fill(results);
      fill(card);
    }
    if (tab !== "players" || !moderates()) return void (shownId = null);
    if (playerId !== shownId) show(card, playerId);
    for (const link of results.querySelectorAll("a")) {
      if (link.dataset.player === playerId) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  desk.watch(["place"], follow);
  watch(["player"], follow);
}

/** @param {string} query @param {HTMLElement} results @param {HTMLElement} said */
async function find(query, results, said) {
  asked = query;
  if (query === "") {
    fill(results);
    return fill(said);
  }
  try {
    const found = (await read("/players", { query })).items;
    if (asked !== query) return;
    fill(results, ...found.map(result));
    fill(said, found.length === 0 ? "Nobody's name begins like this." : false);
  } catch (failure) {
    if (asked !== query) return;
    fill(results);
    fill(said, trouble(failure));
  }
}

/** @param {{id: string, username: string, status: string, protected: boolean}} player */
function result(player) {
  return h(
    "li",
    {},
    h(
      "a",
      { class: "people__link", href: address({ tab: "players", playerId: player.id }), data: { player: player.id } },
      avatar(player.id, player.username),
      h("span", { class: "people__name" }, player.username),
      player.protected && h("span", { class: "chip", data: { tone: "protected" } }, "Protected"),
      player.status !== "active" && h("span", { class: "chip", data: { tone: player.status } }, STATUSES[player.status] ?? player.status),
    ),
  );
}

/** @param {HTMLElement} card @param {string} id */
async function show(card, id) {
  shownId = id;
  if (id === "") return fill(card, h("p", { class: "quiet person__none" }, "Find a player to see and change their status."));
  fill(card, h("p", { class: "quiet", role: "status" }, "One moment…"));
  try {
    const player = await read(`/players/${encodeURIComponent(id)}`);
    if (shownId === id) drawPlayer(card, player, async () => void (shownId === id && (await show(card, id))));
  } catch (failure) {
    if (shownId === id) fill(card, h("div", { class: "notice", role: "alert", data: { tone: "bad" } }, trouble(failure)));
  }
}
