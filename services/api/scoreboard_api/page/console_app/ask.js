// The dialog that asks before something is done, with a reason where one is kept.

import { byId, fill, h } from "../app/dom.js";
import { field } from "../app/fields.js";

/**
 * Asks before something is done.
 * @param {{title: string, lead: string, yes: string, tone?: "bad" | "plain", reason?: {label: string, needed: boolean, value?: string}}} question
 *   `reason`: a text to give with it
 * @returns {Promise<string | null>} the text ("" without one), null when it was called off
 */
export function ask({ title, lead, yes, tone = "plain", reason }) {
  const dialog = byId("ask");
  return new Promise((resolve) => {
    const over = new AbortController();
    /** The browser tells of the closing a moment later; a key pressed in between must not be lost. @param {string | null} answer */
    const settle = (answer) => {
      over.abort();
      if (dialog.open) dialog.close();
      resolve(answer);
    };
    const why = reason && field("ask-reason", reason.label, { tag: "textarea", rows: 2, maxlength: 2000 });
    if (why && reason?.value) why.input.value = reason.value;
    const go = h("button", { class: `button ${tone === "bad" ? "button--bad" : "button--primary"}`, type: "submit" }, yes);
    const form = h(
      "form",
      { class: "dialog__body", novalidate: true },
      h("h2", { class: "dialog__title", id: "ask-title" }, title),
      h("p", { class: "dialog__lead" }, lead),
      why?.box,
      h("div", { class: "dialog__ways" }, go, h("button", { class: "button", type: "button", on: { click: () => settle(null) } }, "Cancel")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = why?.input.value.trim() ?? "";
      if (reason?.needed && !text) {
        why?.complain("Say why; it is kept with the decision.");
        return why?.input.focus();
      }
      settle(text);
    });
    dialog.addEventListener("cancel", () => settle(null), { signal: over.signal });
    dialog.addEventListener("close", () => dialog.open || settle(null), { signal: over.signal });
    fill(dialog, form);
    dialog.showModal();
    (why?.input ?? go).focus();
  });
}
