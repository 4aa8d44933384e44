// Labelled form fields with a place for a hint or a complaint.

import { h } from "./dom.js";

/**
 * @typedef {{box: HTMLElement, input: any, complain: (text: string) => void}} Field
 */

/**
 * A labelled input.
 * @param {string} id
 * @param {string} label
 * @param {Record<string, any>} [attributes] `tag`: "input" by default; `children`: options of a select
 * @param {string} [hint]
 * @returns {Field}
 */
export function field(id, label, attributes = {}, hint = "") {
  const { tag = "input", children = [], ...rest } = attributes;
  const look = tag === "select" ? "select select--field" : tag === "textarea" ? "input input--tall" : "input";
  const input = h(tag, { class: look, id, name: id, "aria-describedby": `${id}-hint`, ...rest }, ...children);
  const note = h("p", { class: "field__hint", id: `${id}-hint` }, hint);
  const box = h("div", { class: "field" }, h("label", { class: "field__label", for: id }, label), input, note);
  const complain = (text) => {
    note.textContent = text || hint;
    box.classList.toggle("field--bad", text !== "");
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  return { box, input, complain };
}
