// One way to call the HTTP API: JSON, problem documents as `Problem`, one refresh of the access token (or one look at the
// server's clock) and then the same request again with the same Idempotency-Key. The access token lives in this module's
// memory only.

import { Code } from "./codes.js";
import { Problem } from "./problems.js";
import { correctClock } from "./signing.js";

const PATIENCE = 12_000;
const RENEWABLE = new Set([Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED, Code.INVALID_TOKEN]);

let accessToken = "";
/** @type {() => Promise<boolean>} */
let renew = async () => false;

/** @returns {string} the access token, empty when nobody is logged in */
export function token() {
  return accessToken;
}

/** @param {string} value the new access token; empty forgets it */
export function useToken(value) {
  accessToken = value;
}

/** @param {() => Promise<boolean>} renewal gets a new access token, or answers false */
export function useRenewal(renewal) {
  renew = renewal;
}

/**
 * Calls the API.
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {{body?: object, player?: boolean, key?: string, sign?: (request: SignableRequest) => Promise<Record<string, string>>, headers?: Record<string, string>, text?: boolean}} [options] `player`: on behalf of
 *   the logged-in player; `key`: Idempotency-Key; `sign`: adds signature headers; `text`: the reply is no JSON
 * @returns {Promise<any>} the reply's body, null when there is none
 * @throws {Problem}
 * @typedef {{method: string, path: string, body: string, key: string | undefined}} SignableRequest
 */
export async function call(method, path, options = {}) {
  try {
    return await send(method, path, options);
  } catch (failure) {
    if (options.sign && failure instanceof Problem && failure.code === Code.STALE_REQUEST && failure.serverTime) {
      correctClock(failure.serverTime);
      return send(method, path, options);
    }
    const expired = options.player && failure instanceof Problem && failure.status === 401 && RENEWABLE.has(failure.code);
    if (!expired || !(await renew())) throw failure;
    return send(method, path, options);
  }
}

/**
 * A key that names one intended write, so that repeating it counts once. crypto.randomUUID is missing over plain http.
 * @returns {string} a random UUID
 */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** @param {string} method @param {string} path @param {any} options */
async function send(method, path, { body, player = false, key, sign, headers = {}, text: plain = false }) {
  const url = `/api/v1${path}`;
  const text = body === undefined ? undefined : JSON.stringify(body);
  /** @type {Record<string, string>} */
  const sent = { Accept: "application/json", ...headers };
  if (text !== undefined) sent["Content-Type"] = "application/json";
  if (player && accessToken) sent.Authorization = `Bearer ${accessToken}`;
  if (key) sent["Idempotency-Key"] = key;
  if (sign) Object.assign(sent, await sign({ method, path: url, body: text ?? "", key }));
  let reply;
  try {
    reply = await fetch(url, { method, headers: sent, body: text, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch (failure) {
    throw new Problem(failure instanceof DOMException && failure.name === "TimeoutError" ? "TIMEOUT" : "NETWORK");
  }
  if (reply.status === 204) return null;
  if (plain && reply.ok) return reply.text();
  const content = await reply.json().catch(() => null);
  if (!reply.ok) throw refusal(reply, content);
  return content;
}

/** @param {Response} reply @param {any} content */
function refusal(reply, content) {
  const header = Number(reply.headers.get("Retry-After"));
  const wait = content?.retry_after ?? (header > 0 ? header : undefined);
  const code = content?.code ?? (reply.status >= 500 ? Code.INTERNAL_ERROR : "UNEXPECTED");
  return new Problem(code, { ...content, status: reply.status, retry_after: wait });
}
