// Draws playing: what can be played, the countdown, the slider, what it brought. A stranger sees what there is to win.

import { byId, fill, h } from "./dom.js";
import { number, ordinal, signed, span } from "./format.js";
import { choose, chosenKind, complete, isBarred, isRanged, onPlayChange, play, readKinds, reportedPoints, resetPlay, start } from "./play.js";
import { sentence } from "./problems.js";
import { get, isFinal, watch } from "./store.js";

/** @type {(() => void) | null} what the countdown has to redraw */
let tick = null;

/** Draws the panel while somebody is logged in. */
export function mountPlay() {
  onPlayChange(draw);
  watch(["player"], () => {
    resetPlay();
    readKinds().catch((failure) => fill(byId("play"), h("p", { class: "quiet" }, sentence(failure))));
  });
  watch(["player", "seasonId", "boardKey"], draw);
  setInterval(() => tick?.(), 200);
}

function draw() {
  tick = null;
  const kind = chosenKind();
  byId("play-panel").hidden = isFinal() || !kind;
  if (!kind) return;
  byId("play-title").textContent = get().player ? "Play" : "Ways to score";
  if (!get().player) return fill(byId("play"), offer());
  const focused = byId("play").contains(document.activeElement) ? focusKey(document.activeElement) : "";
  fill(byId("play"), chooser(), stage(kind), play.failure !== null && h("p", { class: "notice", role: "alert", data: { tone: "bad" } }, sentence(play.failure)));
  tick?.();
  if (focused) (byId("play").querySelector(`[data-focus="${focused}"]`) ?? byId("play").querySelector("[data-focus=main]"))?.focus();
}

/** @param {Element | null} element */
function focusKey(element) {
  return element?.getAttribute("data-focus") ?? "main";
}

/** @returns {import("./play.js").Kind[]} those that count on this board first */
function ordered() {
  const counts = (kind) => kind.boards.includes(get().boardKey);
  return [...play.kinds].sort((one, other) => Number(counts(other)) - Number(counts(one)));
}

function offer() {
  return h("ul", { class: "offer" }, ordered().map((kind) => h("li", { class: "offer__kind" }, h("span", {}, kind.title), h("span", { class: "kind__worth" }, worth(kind)))));
}

function chooser() {
  const busy = play.stage === "running" || play.stage === "completing" || play.stage === "starting";
  return h(
    "fieldset",
    { class: "kinds", disabled: busy },
    h("legend", { class: "visually-hidden" }, "What to play"),
    ordered().map((kind) =>
      h(
        "label",
        { class: "kind" },
        h("input", { type: "radio", name: "kind", value: kind.key, checked: kind.key === play.kindKey, data: { focus: kind.key }, on: { change: () => choose(kind.key) } }),
        h("span", { class: "kind__title" }, kind.title),
        h("span", { class: "kind__worth" }, worth(kind)),
        !kind.boards.includes(get().boardKey) && h("span", { class: "kind__note" }, "not on this board"),
      ),
    ),
  );
}

/** @param {import("./play.js").Kind} kind */
function worth(kind) {
  if (!isRanged(kind)) return signed(kind.points ?? 0);
  return `${number(kind.min_points ?? 0)}–${number(kind.max_points ?? 100)}`;
}

/** @param {import("./play.js").Kind} kind */
function stage(kind) {
  if (play.stage === "running" || (play.stage === "completing" && play.action)) return running(kind);
  if (play.stage === "unsure") return unsure();
  return [play.stage === "done" && outcome(), ready(kind)];
}

/** @param {import("./play.js").Kind} kind */
function ready(kind) {
  if (isBarred(kind)) return h("p", { class: "quiet" }, "This one needs a secure connection. Open the page over https to play it.");
  const working = play.stage === "starting" || play.stage === "completing";
  const button = h("button", { class: "button button--primary button--wide", type: "button", data: { focus: "main" }, on: { click: () => !button.hasAttribute("aria-disabled") && start() } });
  tick = () => {
    const rest = Math.ceil(((play.restsUntil.get(kind.key) ?? 0) - Date.now()) / 1000);
    const idle = working || rest > 0;
    if (idle) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    const again = play.stage === "done" ? "Play again" : kind.direct ? "Score now" : "Start";
    const text = working ? "One moment…" : rest > 0 ? `Again in ${span(rest)}` : again;
    if (button.textContent !== text) button.textContent = text;
  };
  return [kind.direct && isRanged(kind) && slider(kind), button];
}

/** @param {import("./play.js").Kind} kind */
function running(kind) {
  const text = h("span", { class: "countdown__text" });
  const bar = h("span", { class: "countdown__bar" });
  const button = h("button", { class: "button button--primary button--wide", type: "button", data: { focus: "main" }, on: { click: () => !button.hasAttribute("aria-disabled") && complete() } });
  const whole = Math.max(1, (play.action?.min_duration_s ?? 0) * 1000);
  const status = h("p", { class: "visually-hidden", role: "status" });
  tick = () => {
    const left = play.readyAt - Date.now();
    const waiting = left > 0 || play.stage === "completing";
    if (waiting) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    text.textContent = left > 0 ? `Playing… ${(left / 1000).toFixed(1)} s` : "Ready to hand in";
    bar.style.setProperty("--share", String(Math.min(1, Math.max(0, 1 - left / whole))));
    button.textContent = play.stage === "completing" ? "Counting…" : "Complete";
    if (left <= 0 && !status.textContent) status.textContent = "Ready. You can complete it now.";
  };
  return h("div", { class: "countdown" }, text, h("span", { class: "countdown__track", "aria-hidden": "true" }, bar), isRanged(kind) && slider(kind), button, status);
}

/** @param {import("./play.js").Kind} kind */
function slider(kind) {
  const shown = h("output", { class: "slider__value", for: "points" }, number(reportedPoints()));
  const input = h("input", { class: "slider__input", id: "points", type: "range", min: kind.min_points ?? 0, max: kind.max_points ?? 100, value: reportedPoints(), data: { focus: "points" } });
  const paint = () => input.style.setProperty("--share", String((input.value - input.min) / Math.max(1, input.max - input.min)));
  input.addEventListener("input", () => {
    play.points = Number(input.value);
    shown.textContent = number(play.points);
    paint();
  });
  paint();
  return h("div", { class: "slider" }, h("label", { class: "slider__label", for: "points" }, "Your result"), shown, input);
}

function unsure() {
  return h("button", { class: "button button--primary button--wide", type: "button", data: { focus: "main" }, on: { click: complete } }, "Try again (counts once)");
}

function outcome() {
  const { verdict, points, score, rank, standings } = play.result;
  if (verdict === "hold") {
    const place = standings.find((each) => each.board === get().boardKey)?.provisional;
    const words = ["Your points are waiting for a check.", place && place.rank !== null && `With them you are ${ordinal(place.rank)}.`, "If they count, they count from this moment."];
    return h("div", { class: "outcome", role: "status", data: { tone: "wait" } }, h("p", { class: "outcome__points" }, signed(points)), h("p", {}, words.filter(Boolean).join(" ")));
  }
  const climbed = rank && rank.previous !== null ? rank.previous - rank.current : 0;
  return h(
    "div",
    { class: "outcome", role: "status", data: { tone: "good" } },
    h("p", { class: "outcome__points" }, signed(points), h("span", { class: "visually-hidden" }, " points")),
    h(
      "p",
      {},
      score && `Score ${number(score.previous)} → ${number(score.current)}`,
      rank && [h("br"), `Rank ${ordinal(rank.current)}`, climbed > 0 && h("span", { class: "outcome__climb" }, ` ▲${number(climbed)}`)],
    ),
  );
}
