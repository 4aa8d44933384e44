// Keeps the Socket.IO connection: connects, authenticates, subscribes, resumes where it stopped, and waits the right time
// after the right kind of farewell. What the messages say is feed.js's matter.

import { token } from "./api.js";
import { Code } from "./codes.js";
import { REALTIME_URL } from "./config.js";
import { takeMessage } from "./feed.js";
import { renewOnce, sessionEnded } from "./session.js";
import { get, isFinal, set, watch } from "./store.js";
import { io } from "../vendor/socket.io.esm.min.js";

const EVENTS = ["message", "scoreboard_initial", "scoreboard_updated", "user_score_updated", "rank_changed", "job_completed", "correction", "server_drain"];
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;
const STEADY_AFTER = 5000;
const IDLE_AFTER = 5 * 60_000;
const ACTIVITY_EVERY = 60_000;
const TERMINAL = new Set([Code.TOKEN_REVOKED, Code.ACCOUNT_SUSPENDED, Code.ACCOUNT_BANNED]);

/** @type {any} */
let socket;
let attempts = 0;
let connectedAt = 0;
let retryTimer = 0;
let drainWait = 0;
let authenticated = false;
let channel = "";
let refused = "";
let activeAt = Date.now();
let activitySentAt = 0;

/** Starts the connection and keeps it until the page is closed. */
export function startLive() {
  socket = io(REALTIME_URL, {
    autoConnect: false,
    reconnection: false,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    timeout: 8000,
    auth: (give) => give(token() ? { token: token() } : {}),
  });
  socket.on("connect", onConnect);
  socket.on("disconnect", onDisconnect);
  socket.on("connect_error", onConnectError);
  for (const event of EVENTS) socket.on(event, onMessage);
  addEventListener("online", retryNow);
  addEventListener("offline", () => phase("offline"));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && onActivity());
  for (const event of ["pointerdown", "keydown", "scroll"]) addEventListener(event, onActivity, { passive: true });
  setInterval(noticeIdleness, 10_000);
  watch(["boardKey", "seasonId"], follow);
  watch(["tokens"], onToken);
}

/** Tries to connect at once instead of waiting. */
export function retryNow() {
  clearTimeout(retryTimer);
  if (socket.connected || isFinal()) return;
  if (!navigator.onLine) return phase("offline");
  phase("connecting");
  socket.connect();
}

/** Points the connection at the board that is looked at; finished standings need none. */
function follow() {
  if (isFinal()) {
    clearTimeout(retryTimer);
    channel = "";
    phase("final");
    socket.disconnect();
  } else if (!get().boardKey) {
    return;
  } else if (socket.connected) {
    if (channel && channel !== wanted()) say("unsubscribe", { channels: [channel] });
    subscribe();
  } else {
    retryNow();
  }
}

const wanted = () => `board:${get().boardKey}`;

function onConnect() {
  connectedAt = Date.now();
  authenticated = false;
  refused = "";
  drainWait = 0;
  subscribe();
}

function subscribe() {
  const { epoch, seq } = get().standings;
  channel = wanted();
  say("subscribe", { channels: [channel], ...(epoch ? { since: { epoch, seq } } : {}) });
}

/** The player logged in or out, or has a fresh token. */
function onToken() {
  if (!socket.connected) return;
  if (!token()) {
    if (authenticated) reconnect();
  } else if (authenticated) {
    say("message", { type: "auth.refresh", token: token() });
  } else {
    say("auth", { token: token() });
  }
}

/** @param {any} message */
function onMessage(message) {
  if (!message || typeof message !== "object") return;
  if (message.type === "auth.ok") {
    if (!authenticated) say("subscribe", { channels: ["me"] });
    authenticated = true;
  } else if (message.type === "error") {
    onRefusal(message.error?.code ?? "");
  } else if (message.type === "server.drain") {
    onDrain(message.data?.retry_ms ?? 1000);
  } else {
    if (["subscribed", "sync", "leaderboard.initial", "leaderboard.update"].includes(message.type)) nowLive();
    takeMessage(message);
  }
}

function nowLive() {
  if (!isFinal() && !drainWait && get().connection.phase !== "idle") phase("live");
}

/** @param {string} code */
function onRefusal(code) {
  refused = code;
  if (TERMINAL.has(code)) {
    attempts = 0; // as a spectator we are welcome again
    sessionEnded(code);
  } else if ([Code.INVALID_TOKEN, Code.TOKEN_EXPIRED, Code.UNAUTHENTICATED].includes(code) && token()) {
    renewOnce();
  }
}

/** @param {number} wait milliseconds after which the server wants us back */
function onDrain(wait) {
  drainWait = Math.max(250, wait);
  later(drainWait, "restarting", reconnect);
}

/** @param {string} reason */
function onDisconnect(reason) {
  authenticated = false;
  // A server that takes us in and throws us out again at once must not be asked every second.
  if (Date.now() - connectedAt > STEADY_AFTER) attempts = 0;
  if (reason === "io client disconnect" || drainWait) return;
  const idle = get().connection.phase === "idle";
  if (idle && reason === "io server disconnect") return phase("paused");
  wait();
}

/** @param {any} failure */
function onConnectError(failure) {
  const code = failure?.data?.code ?? failure?.data?.error?.code;
  if (code) onRefusal(code);
  wait();
}

/** Waits longer after each failure; the random part keeps thousands of browsers from returning in one moment. */
function wait() {
  drainWait = 0;
  if (isFinal()) return;
  if (!navigator.onLine) return phase("offline");
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempts);
  attempts += 1;
  later(longest * (0.5 + Math.random() / 2), refused === Code.DRAINING ? "restarting" : "waiting", retryNow);
}

/** @param {number} milliseconds @param {import("./store.js").Phase} name @param {() => void} then */
function later(milliseconds, name, then) {
  clearTimeout(retryTimer);
  retryTimer = setTimeout(then, milliseconds);
  set({ connection: { ...get().connection, phase: name, retryAt: Date.now() + milliseconds } });
}

function reconnect() {
  drainWait = 0;
  socket.disconnect();
  retryNow();
}

function onActivity() {
  const now = Date.now();
  activeAt = now;
  const { phase: shown } = get().connection;
  if (shown === "paused") return retryNow();
  if (shown === "idle") phase("live");
  if (authenticated && (shown === "idle" || now - activitySentAt > ACTIVITY_EVERY)) {
    activitySentAt = now;
    say("message", { type: "activity" });
  }
}

/** The server slows updates down for players who do nothing for five minutes; say so. */
function noticeIdleness() {
  if (authenticated && get().connection.phase === "live" && Date.now() - activeAt > IDLE_AFTER) phase("idle");
}

/** @param {string} event @param {object} content */
function say(event, content) {
  socket.emit(event, { type: event, ...content });
}

/** @param {import("./store.js").Phase} name */
function phase(name) {
  const now = get().connection;
  if (now.phase !== name) set({ connection: { phase: name, retryAt: 0, polling: name === "live" ? false : now.polling } });
}
