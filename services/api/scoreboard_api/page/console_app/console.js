// Starts the console: the theme, the gate, the tabs, the keys, and the reading in the background.

import { byId } from "../app/dom.js";
import { restore } from "../app/session.js";
import { mountThemeSwitch } from "../app/switcher.js";
import { mountAddress } from "./address.js";
import { mountAnalytics } from "./analyticsview.js";
import { mountCase } from "./caseview.js";
import { mountCorrections } from "./correctionsview.js";
import { mountGate } from "./gate.js";
import { mountHealth } from "./healthview.js";
import { mountKeys } from "./keys.js";
import { mountPlayers } from "./playersview.js";
import { mountQueue } from "./queueview.js";
import { mountReview } from "./reviewview.js";
import { startRefresh } from "./refresh.js";
import { mountStatus } from "./statusview.js";
import { mountTabs } from "./tabs.js";

mountThemeSwitch(byId("theme-toggle"));
mountAddress();
mountTabs();
mountGate();
mountReview();
mountQueue();
mountCase();
mountPlayers();
mountCorrections();
mountHealth();
mountAnalytics();
mountStatus();
mountKeys();
restore().finally(startRefresh);
