// Telling moderators about another player.

import { call, newKey } from "./api.js";
import { body } from "./appeal.js";
import { byId, fill, h } from "./dom.js";
import { field } from "./fields.js";
import { Problem, sentence } from "./problems.js";
import { toast } from "./toasts.js";

const REASONS = { cheating: "They seem to cheat", name: "Their name is offensive", other: "Something else" };

/**
 * Opens the dialog.
 * @param {{id: string, username: string}} player
 */
export function openReport(player) {
  const dialog = byId("plea");
  const reason = field("plea-reason", "What is wrong", {
    tag: "select",
    children: Object.entries(REASONS).map(([value, label]) => h("option", { value }, label)),
  });
  const note = field("plea-note", "What did you see?", { tag: "textarea", rows: 3, maxlength: 1000 }, "Only moderators read this.");
  const alert = h("p", { class: "form__alert", role: "alert", hidden: true });
  const send = h("button", { class: "button button--primary button--wide", type: "submit" }, "Send the report");
  const form = h("form", { class: "form", novalidate: true }, reason.box, note.box, alert, send);
  const key = newKey();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled) return;
    send.disabled = true;
    alert.hidden = true;
    try {
      await call("POST", "/reports", {
        body: { player_id: player.id, reason: reason.input.value, note: note.input.value.trim() },
        player: true,
        key,
      });
      dialog.close();
      toast("Thank you. A moderator will have a look.", "good");
    } catch (failure) {
      alert.textContent = (failure instanceof Problem && failure.status === 409 && failure.detail) || sentence(failure);
      alert.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  fill(dialog, body(dialog, `Report ${player.username}`, "A person looks at every report.", form));
  dialog.showModal();
  reason.input.focus();
}
