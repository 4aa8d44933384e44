// The pill that says how live the board is, and since when nothing has changed. The seconds are for the eye only; a screen
// reader hears when the live connection is lost and when it is back.

import { byId, h, setText } from "./dom.js";
import { ago, span } from "./format.js";
import { retryNow } from "./live.js";
import { get, watch } from "./store.js";
import { announce } from "./toasts.js";

/** @type {Record<string, {tone: string, text: (seconds: number) => string, button?: string}>} */
const LOOKS = {
  connecting: { tone: "wait", text: () => "Connecting…" },
  live: { tone: "live", text: () => "Live" },
  waiting: { tone: "wait", text: (seconds) => `Reconnecting in ${span(seconds)}`, button: "Retry now" },
  restarting: { tone: "wait", text: (seconds) => `Server restarting, back in ${span(seconds)}` },
  offline: { tone: "off", text: () => "You are offline" },
  idle: { tone: "calm", text: () => "Live, slower while you are away" },
  paused: { tone: "off", text: () => "Paused", button: "Resume" },
  final: { tone: "calm", text: () => "Final standings" },
};

let lost = false;

/** Draws the pill and keeps it current. */
export function mountConnection() {
  const label = h("span", { class: "pill__label", id: "connection-label" });
  const age = h("span", { class: "pill__age", "aria-hidden": "true" });
  const pill = h("div", { class: "pill" }, h("span", { class: "pill__dot", "aria-hidden": "true" }), label, age);
  const note = h("p", { class: "connection__note" });
  const button = h("button", { class: "link-button", type: "button", on: { click: retryNow } });
  byId("connection").append(pill, h("div", { class: "connection__more" }, note, button));

  const draw = () => {
    const { connection, standings } = get();
    const look = LOOKS[connection.phase];
    const now = Date.now();
    pill.dataset.tone = look.tone;
    pill.dataset.phase = connection.phase;
    setText(label, look.text(Math.max(1, Math.ceil((connection.retryAt - now) / 1000))));
    const dated = standings.changedAt > 0 && connection.phase !== "final";
    setText(age, dated ? ago(standings.changedAt, now) : "");
    setText(note, connection.polling ? "Updates every 5 s" : "");
    button.hidden = !look.button;
    setText(button, look.button ?? "");
  };
  watch(["connection", "standings"], draw);
  watch(["connection"], tellChange);
  setInterval(draw, 1000);
}

function tellChange() {
  const { phase } = get().connection;
  if (phase === "live" && lost) {
    announce("Live again.");
    lost = false;
  } else if (["waiting", "offline", "restarting"].includes(phase) && !lost) {
    announce(phase === "offline" ? "You are offline." : "The live connection is interrupted. Standings are updated every few seconds.");
    lost = true;
  }
}
