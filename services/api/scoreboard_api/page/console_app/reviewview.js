// The frame of the review tab: the queue on the left, the case on the right; on narrow screens one of the two.

import { byId, fill, h } from "../app/dom.js";
import { desk } from "./desk.js";

/** Makes the places into which queueview.js and caseview.js draw. */
export function mountReview() {
  fill(
    byId("review"),
    h("section", { class: "queue", "aria-labelledby": "queue-title", id: "queue" }),
    h("section", { class: "case", "aria-labelledby": "case-title", id: "case" }),
  );
  byId("review").classList.add("review");
  desk.watch(["place"], () => byId("review").classList.toggle("review--open", desk.get().place.caseId !== ""));
}
