// Every call of the moderation and admin API that the console makes. A write has one key for as long as it is tried, so a lost answer
// can be asked for again and still counts once.

import { call, newKey } from "../app/api.js";
import { Code } from "../app/codes.js";
import { Problem, sentence } from "../app/problems.js";

const TRIES = 3;
const BETWEEN = 800;

/**
 * Reads from /moderation.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] empty values are left out
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export function read(path, query = {}) {
  return call("GET", asked(`/moderation${path}`, query), { player: true });
}

/**
 * Reads what tells how the platform does and is used.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] empty values are left out
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export function readInsight(path, query = {}) {
  return call("GET", asked(path, query), { player: true });
}

/**
 * A path with its query.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} query empty values are left out
 * @returns {string}
 */
export function asked(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return words.size > 0 ? `${path}?${words}` : path;
}

/**
 * Writes to /moderation; while nobody knows whether it was carried out, it is asked again with the same key.
 * @param {string} path
 * @param {object} body
 * @param {"POST" | "DELETE"} [method]
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export async function write(path, body, method = "POST") {
  const key = newKey();
  for (let tried = 1; ; tried += 1) {
    try {
      return await call(method, `/moderation${path}`, { body: method === "DELETE" ? undefined : body, player: true, key });
    } catch (failure) {
      if (!(failure instanceof Problem) || !failure.outcomeUnknown || tried === TRIES) throw failure;
      await new Promise((resume) => setTimeout(resume, BETWEEN * tried));
    }
  }
}

/**
 * A failure in words for a moderator, who may know what the server says.
 * @param {unknown} failure
 * @returns {string}
 */
export function trouble(failure) {
  if (!(failure instanceof Problem)) return sentence(failure);
  if (failure.code === Code.DEPENDENCY_UNAVAILABLE)
    return "Moderation rests while one of our stores is away. Nothing was changed; try again in a moment.";
  if (failure.code === Code.VALIDATION_ERROR)
    return [failure.detail, ...failure.errors.map((each) => `${each.pointer.split("/").pop()}: ${each.detail}`)].join(" ");
  if ([Code.CONFLICT, Code.NOT_FOUND, Code.FORBIDDEN].includes(failure.code) && failure.detail) return failure.detail;
  return sentence(failure);
}

/** @param {unknown} failure @returns {boolean} whether somebody else was faster */
export function isConflict(failure) {
  return failure instanceof Problem && failure.code === Code.CONFLICT;
}
