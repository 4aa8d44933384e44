// Who works on the case: taking it, giving it back, and finding that somebody else was faster.

import { fill, h } from "../app/dom.js";
import { moment } from "../app/format.js";
import { get } from "../app/store.js";
import { toast } from "../app/toasts.js";
import { address } from "./address.js";
import { claim, readAgain } from "./casereads.js";
import { shownCase } from "./desk.js";
import { isConflict, trouble } from "./moderation.js";

let busy = false;

/** @param {import("./desk.js").OpenCase} item @param {HTMLElement} place */
export function drawClaim(item, place) {
  if (item.status !== "open") return fill(place, correct(item));
  const mine = item.claim?.by.id === get().player?.id;
  if (item.claim && !mine)
    return fill(
      place,
      h(
        "p",
        { class: "notice", role: "status", data: { tone: "warn" } },
        `${item.claim.by.username} works on this case until ${moment(item.claim.until)}. You can read it, not decide it.`,
      ),
    );
  fill(
    place,
    item.claim
      ? [
          h("p", { class: "claim__words" }, `You have this case until ${moment(item.claim.until)}.`),
          h(
            "button",
            { class: "button button--small", type: "button", "aria-keyshortcuts": "c", on: { click: () => toggleClaim() } },
            "Give it back",
          ),
        ]
      : h(
          "button",
          { class: "button", type: "button", disabled: !item.may.claim, "aria-keyshortcuts": "c", on: { click: () => toggleClaim() } },
          "Take this case",
          h("kbd", { "aria-hidden": "true" }, "C"),
        ),
  );
}

/** A decided case leads on to what already counts. @param {import("./desk.js").OpenCase} item */
function correct(item) {
  return h("a", { class: "button", href: address({ tab: "corrections", playerId: item.player.id, caseId: item.id }) }, "Correct results");
}

/** Takes the open case, or gives it back. */
export async function toggleClaim() {
  const item = shownCase();
  if (!item || busy || item.status !== "open") return;
  const mine = item.claim?.by.id === get().player?.id;
  if (item.claim && !mine) return;
  busy = true;
  try {
    await claim(item.id, !mine);
  } catch (failure) {
    toast(isConflict(failure) ? "Somebody else took it a moment ago." : trouble(failure), "bad");
  } finally {
    busy = false;
  }
  await readAgain(item.id);
}
