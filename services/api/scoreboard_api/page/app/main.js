// Starts the page: first the choice of board (the address), then the views, then the session and the live connection.

import { mountAccount } from "./account.js";
import { sayFarewell } from "./appeal.js";
import { mountBoard } from "./boardview.js";
import { mountChoice } from "./choice.js";
import { mountConnection } from "./connectionview.js";
import { byId } from "./dom.js";
import { startFallback } from "./fallback.js";
import { startLive } from "./live.js";
import { mountPlay } from "./playview.js";
import { readBoards, readMineSoon } from "./reads.js";
import { mountRowMenu } from "./rowmenu.js";
import { restore, useFarewell } from "./session.js";
import { mountStanding } from "./standingview.js";
import { watch } from "./store.js";
import { mountThemeSwitch } from "./switcher.js";

const BOARDS_AGAIN = 5000;

mountThemeSwitch(byId("theme-toggle"));
useFarewell(sayFarewell);
mountBoard();
mountRowMenu();
mountStanding();
mountAccount();
mountPlay();
mountConnection();
mountChoice();
watch(["player"], readMineSoon);
loadBoards();
// With the session first, the socket can authenticate in its handshake instead of connecting twice.
restore().finally(() => {
  startLive();
  startFallback();
});

/** Without the list there are no tabs, yet the board itself works; so keep asking quietly. */
async function loadBoards() {
  try {
    await readBoards();
  } catch {
    setTimeout(loadBoards, BOARDS_AGAIN);
  }
}
