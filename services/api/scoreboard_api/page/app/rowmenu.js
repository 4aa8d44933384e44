// The small menu at the end of a row: reporting its player, and for moderators the way to the console.

import { byId, fill, h } from "./dom.js";
import { openReport } from "./report.js";
import { get, watch } from "./store.js";

const STAFF = new Set(["moderator", "admin"]);

/** Listens at the board; rows come and go. */
export function mountRowMenu() {
  const menu = byId("row-menu");
  byId("rows").addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest(".row__more") : null;
    const player = get().standings.entries.find((entry) => entry.player_id === button?.closest(".row")?.getAttribute("data-player"));
    if (button && player) open(menu, button, { id: player.player_id, username: player.username });
  });
  menu.addEventListener("keydown", onKey);
  // A board that is scrolled away would leave the menu hanging in the air.
  addEventListener("scroll", () => menu.hidePopover(), { passive: true });
  watch(["player"], () => {
    byId("ranks").classList.toggle("ranks--menus", get().player !== null);
    if (!get().player) menu.hidePopover();
  });
}

/** @param {any} menu @param {Element} button @param {{id: string, username: string}} player */
function open(menu, button, player) {
  const report = () => {
    menu.hidePopover();
    openReport(player);
  };
  const staff = STAFF.has(get().player?.role ?? "");
  fill(
    menu,
    h("button", { class: "menu__item", type: "button", role: "menuitem", on: { click: report } }, `Report ${player.username}`),
    staff &&
      h("a", { class: "menu__item", role: "menuitem", href: `/console?tab=players&player=${encodeURIComponent(player.id)}` }, "Open in the console"),
  );
  menu.showPopover();
  const place = button.getBoundingClientRect();
  const room = innerHeight - place.bottom;
  menu.style.setProperty("right", `${Math.max(8, document.documentElement.clientWidth - place.right)}px`);
  menu.style.setProperty("top", `${room > menu.offsetHeight + 12 ? place.bottom + 4 : place.top - menu.offsetHeight - 4}px`);
  menu.querySelector("[role=menuitem]")?.focus();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const items = [...byId("row-menu").querySelectorAll("[role=menuitem]")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items[next % items.length].focus();
}
