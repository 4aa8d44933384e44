// My standing: rank, score, how that compares, and who is just above and below.

import { openAccount } from "./account.js";
import { byId, fill, h, setText } from "./dom.js";
import { counted, number, ordinal, shareOfPlayers, signed } from "./format.js";
import { OWN_WORDS } from "./freeze.js";
import { count } from "./motion.js";
import { get, watch } from "./store.js";

/** What is drawn now, so that only what changed is drawn again. */
let drawn = "";
/** @type {Record<string, HTMLElement>} */
let parts = {};
let scoreShown = 0;

/** Draws the panel and keeps it current. */
export function mountStanding() {
  watch(["player", "restoring", "mine", "standings"], () => {
    const { player, restoring, mine } = get();
    const view = player ? (mine.status === "ready" || mine.rank !== null ? "ready" : mine.status) : restoring ? "loading" : "stranger";
    if (view !== drawn) {
      drawn = view;
      fill(byId("standing"), VIEWS[view]?.() ?? VIEWS.loading());
    }
    if (view === "ready") update();
    if (view === "ready" || view === "unranked") tellPending();
  });
}

/** @type {Record<string, () => Node>} */
const VIEWS = {
  stranger: () =>
    h(
      "div",
      { class: "invite" },
      h("p", {}, "Create an account to get a rank, see who is around you, and play."),
      h(
        "div",
        { class: "invite__actions" },
        h("button", { class: "button button--primary", type: "button", on: { click: () => openAccount("register") } }, "Create account"),
        h("button", { class: "button", type: "button", on: { click: () => openAccount("login") } }, "Log in"),
      ),
    ),
  loading: () => h("div", { class: "skeleton skeleton--panel", "aria-hidden": "true" }, h("div", { class: "skeleton__row" }, h("span"), h("span")), h("div", { class: "skeleton__row" }, h("span"), h("span"))),
  unranked: () => {
    parts = { pending: pendingNote() };
    return h("div", { class: "standing" }, h("p", { class: "quiet" }, "You have no score here yet. Play once and you are on the board."), parts.pending);
  },
  error: () => h("p", { class: "quiet" }, "Your standing could not be read just now. It will appear by itself."),
  ready: () => {
    scoreShown = get().mine.score;
    parts = {
      rank: h("span", { class: "standing__rank" }),
      of: h("span", { class: "standing__of" }),
      move: h("span", { class: "standing__move" }),
      score: h("dd", { class: "standing__value", id: "my-score" }),
      share: h("dd", { class: "standing__value" }),
      bar: h("span", { class: "share__bar" }),
      pending: pendingNote(),
      frozen: h("p", { class: "quiet", id: "frozen-own", hidden: true }, OWN_WORDS),
      around: h("ol", { class: "around", "aria-label": "Around you" }),
    };
    return h(
      "div",
      { class: "standing" },
      h("p", { class: "standing__line" }, parts.rank, parts.of, parts.move),
      h("dl", { class: "standing__facts" }, h("div", {}, h("dt", {}, "Score"), parts.score), h("div", {}, h("dt", {}, "Ahead of"), parts.share)),
      h("div", { class: "share", "aria-hidden": "true" }, parts.bar),
      parts.pending,
      parts.frozen,
      parts.around,
    );
  },
};

function pendingNote() {
  return h("p", { class: "notice pending", id: "pending", role: "status", data: { tone: "warn" }, hidden: true });
}

function tellPending() {
  const { pending } = get().mine;
  parts.pending.hidden = pending === null || pending.actions === 0;
  if (pending === null) return;
  const rank = pending.rank === null ? "" : ` With them you are ${ordinal(pending.rank)}.`;
  setText(parts.pending, `${signed(pending.points)} waiting for a check by a moderator.${rank} If they count, they count from when you played.`);
}

function update() {
  const { mine, player } = get();
  parts.rank.textContent = mine.rank === null ? "–" : ordinal(mine.rank);
  parts.of.textContent = mine.total === null ? "" : `of ${counted(mine.total, "player")}`;
  parts.move.textContent = mine.moved === 0 ? "" : `${mine.moved > 0 ? "▲" : "▼"}${number(Math.abs(mine.moved))}`;
  parts.move.dataset.way = mine.moved > 0 ? "up" : "down";
  if (mine.score !== scoreShown || !parts.score.textContent) count(parts.score, scoreShown, mine.score, number);
  scoreShown = mine.score;
  parts.share.textContent = mine.percentile === null ? "–" : shareOfPlayers(mine.percentile);
  parts.bar.style.setProperty("--share", String((mine.percentile ?? 0) / 100));
  const { freeze } = get().standings;
  parts.frozen.hidden = freeze === null || freeze.real;
  parts.around.hidden = mine.around.length < 2;
  fill(
    parts.around,
    ...mine.around.map((entry) =>
      h(
        "li",
        { class: "around__row", "aria-current": entry.player_id === player?.id ? "true" : null },
        h("span", { class: "around__rank" }, number(entry.rank)),
        h("span", { class: "around__name" }, entry.username),
        h("span", { class: "around__score" }, number(entry.score)),
      ),
    ),
  );
}
