// Who is playing. The refresh token is an HttpOnly cookie that scripts cannot read, the access token stays in memory; only
// the fact that somebody logged in here is kept in storage, so that a visit of a stranger makes no needless request.

import { call, token, useRenewal, useToken } from "./api.js";
import { Code } from "./codes.js";
import { Problem, sentence } from "./problems.js";
import { forgetSigning, keepSigning } from "./signing.js";
import { get, NOT_MINE, set } from "./store.js";
import { toast } from "./toasts.js";

const FLAG = "scoreboard.session";
const COOKIE_MODE = { "X-Session-Mode": "cookie" };

/** @type {(code: string) => void} says why the session ended */
let farewell = (code) => toast(sentence(new Problem(code)), "bad", true);
/** @type {Promise<boolean> | null} */
let renewal = null;
let renewTimer = 0;

/** Logs in silently when somebody was logged in here before. */
export async function restore() {
  useRenewal(renewOnce);
  if (!flagged()) return;
  set({ restoring: true });
  await renewOnce();
  set({ restoring: false });
}

/** @param {{username: string, password: string}} credentials @throws {Problem} */
export async function logIn(credentials) {
  await begin(await call("POST", "/auth/login", { body: credentials, headers: COOKIE_MODE }));
}

/** @param {{username: string, password: string, email?: string}} account @throws {Problem} */
export async function register(account) {
  await begin(await call("POST", "/auth/register", { body: account, headers: COOKIE_MODE }));
}

/** Ends the session here. The page forgets it even when the server cannot be told. */
export async function logOut() {
  try {
    await call("POST", "/auth/logout", { body: {}, player: true, headers: COOKIE_MODE });
  } catch (failure) {
    if (failure instanceof Problem && failure.status !== 401) toast(sentence(failure), "bad");
  }
  forget();
}

/**
 * The server ended the session: say why and go on as a spectator.
 * @param {string} code why, as in problem documents
 */
export function sessionEnded(code) {
  if (!get().player) return;
  forget();
  farewell(code);
}

/** @param {(code: string) => void} words says why a session ended, in place of a plain notice */
export function useFarewell(words) {
  farewell = words;
}

/** @returns {Promise<boolean>} whether there is a new access token; parallel callers share one request */
export function renewOnce() {
  renewal ??= tryRenewal().finally(() => {
    renewal = null;
  });
  return renewal;
}

async function tryRenewal() {
  if (!flagged()) return false;
  try {
    await begin(await call("POST", "/auth/refresh", { body: {}, headers: COOKIE_MODE }));
    return true;
  } catch (failure) {
    const code = failure instanceof Problem ? failure.code : "";
    const refused = failure instanceof Problem && (failure.status === 401 || failure.status === 403);
    // Lost or overloaded requests say nothing about the session: keep it and try again later.
    if (refused && get().player) sessionEnded(code === Code.ACCOUNT_SUSPENDED || code === Code.ACCOUNT_BANNED ? code : Code.TOKEN_EXPIRED);
    else if (refused) forget();
    else if (token()) renewLater(30);
    return false;
  }
}

/** @param {any} session the API's Session */
async function begin(session) {
  useToken(session.access_token);
  await keepSigning(session.signing);
  flag(true);
  // Before it expires, so that the live connection never has to be closed.
  renewLater(Math.max(20, session.expires_in * 0.8));
  const before = get().player;
  const same = before?.id === session.player.id;
  set({ player: same ? before : session.player, tokens: get().tokens + 1, ...(same ? {} : { mine: { ...NOT_MINE, status: "loading" } }) });
}

function forget() {
  clearTimeout(renewTimer);
  useToken("");
  forgetSigning();
  flag(false);
  set({ player: null, mine: NOT_MINE, tokens: get().tokens + 1 });
}

/** @param {number} seconds */
function renewLater(seconds) {
  clearTimeout(renewTimer);
  renewTimer = setTimeout(renewOnce, seconds * 1000);
}

function flagged() {
  try {
    return localStorage.getItem(FLAG) === "1";
  } catch {
    return Boolean(token());
  }
}

/** @param {boolean} on */
function flag(on) {
  try {
    if (on) localStorage.setItem(FLAG, "1");
    else localStorage.removeItem(FLAG);
  } catch {
    // Without storage the session ends with the page.
  }
}
