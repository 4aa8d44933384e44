// The tabs of the console: their links, and which of them is shown.

import { byId, fill, h } from "../app/dom.js";
import { watch } from "../app/store.js";
import { address } from "./address.js";
import { desk } from "./desk.js";
import { moderates } from "./gate.js";

const TITLES = { review: "Review", players: "Players", corrections: "Corrections", health: "Anti-cheat", analytics: "Analytics", status: "Status" };

/** Draws the tabs and keeps them current. */
export function mountTabs() {
  desk.watch(["place", "queue", "opened"], draw);
  watch(["player", "restoring"], draw);
}

function draw() {
  const { place, queue, opened } = desk.get();
  const inside = moderates();
  const appears = inside && byId("tabs").hidden;
  byId("tabs").hidden = !inside;
  byId("help").hidden = !inside;
  for (const tab of Object.keys(TITLES)) byId(tab).hidden = !inside || tab !== place.tab;
  const about = place.tab === "review" && place.caseId !== "" && opened.data ? opened.data.player.username : TITLES[place.tab];
  document.title = `${inside ? `${about} · ` : ""}Console · Scoreboard`;
  const links = byId("tabs");
  if (!links.hasChildNodes())
    fill(
      links,
      ...Object.entries(TITLES).map(([tab, title]) =>
        h(
          "a",
          { class: "tab", href: address({ tab: /** @type {any} */ (tab) }), data: { tab } },
          title,
          tab === "review" && h("span", { class: "tab__count" }),
        ),
      ),
    );
  for (const link of links.children) {
    if (link.dataset.tab !== place.tab) {
      link.removeAttribute("aria-current");
      continue;
    }
    const chosen = !link.hasAttribute("aria-current");
    if (chosen) link.setAttribute("aria-current", "page");
    // While they are hidden there is nothing to scroll.
    if (chosen || appears) link.scrollIntoView({ block: "nearest", inline: "center" });
  }
  const count = links.querySelector(".tab__count");
  const open = queue.counts?.open ?? 0;
  count.textContent = open > 0 ? String(open) : "";
  count.setAttribute("aria-label", `${open} open`);
}
