// The corrections tab: a new correction on the left, those that were made on the right.

import { byId, fill, h } from "../app/dom.js";
import { watch } from "../app/store.js";
import { makeScopeForm } from "./scopeform.js";
import { desk } from "./desk.js";
import { moderates } from "./gate.js";
import { makeHistory } from "./correctionlist.js";

/** Draws the tab and keeps it current. */
export function mountCorrections() {
  const history = makeHistory();
  const form = makeScopeForm(history.read);
  fill(
    byId("corrections"),
    h(
      "div",
      { class: "split split--even" },
      h(
        "section",
        { class: "split__list", "aria-labelledby": "correct-title" },
        h("h1", { class: "queue__title", id: "correct-title" }, "Correct results"),
        form.element,
      ),
      h(
        "section",
        { class: "split__rest", "aria-labelledby": "history-title" },
        h("h2", { class: "queue__title", id: "history-title" }, "Corrections made"),
        history.element,
      ),
    ),
  );
  let inside = false;
  let player = "";
  const follow = () => {
    const { tab, playerId } = desk.get().place;
    const here = tab === "corrections" && moderates();
    if (!moderates()) {
      history.forget();
      form.choosePlayer("");
    }
    if (here && !inside) history.read();
    if (here && playerId !== player) form.choosePlayer(playerId);
    inside = here;
    player = here ? playerId : "";
  };
  desk.watch(["place"], follow);
  watch(["player"], follow);
}
