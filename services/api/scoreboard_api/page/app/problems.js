// Every refusal of the API in words for a player. The codes are those of the problem documents; a code that is not
// listed falls back to the server's own explanation.

import { Code, OUTCOME_UNKNOWN } from "./codes.js";
import { span } from "./format.js";

/** A refused, failed or lost request. */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {{status?: number, detail?: string, retry_after?: number, errors?: {pointer: string, detail: string}[], result?: any, server_time?: string}} [about]
   */
  constructor(code, about = {}) {
    super(about.detail ?? code);
    this.code = code;
    this.status = about.status ?? 0;
    this.detail = about.detail ?? "";
    /** Seconds until another try makes sense, or null. */
    this.retryAfter = about.retry_after ?? null;
    this.errors = about.errors ?? [];
    /** With ALREADY_COMPLETED: the recorded reply. */
    this.result = about.result ?? null;
    /** With STALE_REQUEST: the server's clock. */
    this.serverTime = about.server_time ?? "";
  }

  /** @returns {boolean} whether the request may have been carried out although no answer came */
  get outcomeUnknown() {
    return this.code === "NETWORK" || this.code === "TIMEOUT" || OUTCOME_UNKNOWN.includes(this.code);
  }
}

/** @type {Record<string, string>} `{wait}` becomes the time to wait */
const SENTENCES = {
  NETWORK: "The server cannot be reached. Check your connection and try again.",
  TIMEOUT: "The server took too long to answer. Try again.",
  [Code.VALIDATION_ERROR]: "Something in the form is not right.",
  [Code.TOO_MANY_REQUESTS]: "The server is very busy. Try again {wait}.",
  [Code.USER_RATE_LIMIT]: "You are going a little fast. Try again {wait}.",
  [Code.ACTION_LIMIT]: "You have used up your attempts for now. Try again {wait}.",
  [Code.UNAUTHENTICATED]: "Please log in first.",
  [Code.INVALID_TOKEN]: "This attempt is no longer valid. Start a new one.",
  [Code.TOKEN_EXPIRED]: "Your session has run out. Please log in again.",
  [Code.TOKEN_REVOKED]: "You were logged out. Please log in again.",
  [Code.INVALID_CREDENTIALS]: "That name and password do not match.",
  [Code.REFRESH_REUSED]: "Your session was ended for safety. Please log in again.",
  [Code.FORBIDDEN]: "Your account may not do this.",
  [Code.STALE_REQUEST]: "Your device's clock seems to be off. Set it and try again.",
  [Code.REPLAY_ATTACK]: "This request was seen before and was not counted again.",
  [Code.INVALID_SIGNATURE]: "The request could not be verified. Log in again and retry.",
  [Code.TASK_NOT_FOUND]: "This attempt does not exist any more. Start a new one.",
  [Code.UNAUTHORIZED]: "This attempt belongs to another player.",
  [Code.TOKEN_ALREADY_USED]: "This attempt was already handed in.",
  [Code.ALREADY_COMPLETED]: "You have already done this one; it counted once.",
  [Code.COOLDOWN]: "Take a breath: you can do this again {wait}.",
  [Code.ACTION_EXPIRED]: "That took too long. Start a new attempt.",
  [Code.ACTION_TOO_EARLY]: "That was too early. Wait for the countdown to end.",
  [Code.INVALID_SCORE]: "That result is outside what is possible here.",
  [Code.SUSPICIOUS_ACTIVITY]: "This looked unusual, so it was not counted and a moderator will have a look.",
  [Code.ACCOUNT_SUSPENDED]: "Your account is suspended for now, so it cannot score.",
  [Code.ACCOUNT_BANNED]: "Your account has been closed by a moderator.",
  [Code.IDEMPOTENCY_KEY_REUSED]: "This attempt was mixed up with another. Start a new one.",
  [Code.IDEMPOTENCY_KEY_IN_FLIGHT]: "Your result is still being counted. Try again in a moment.",
  [Code.NOT_FOUND]: "There is nothing here.",
  [Code.CONFLICT]: "That does not fit the current state any more. Reload and try again.",
  [Code.PAYLOAD_TOO_LARGE]: "That is too much at once.",
  [Code.DEPENDENCY_UNAVAILABLE]: "The scoreboard is catching its breath. Try again {wait}.",
  [Code.OVERLOADED]: "The scoreboard is very busy. Try again {wait}.",
  [Code.DRAINING]: "The server is restarting. Try again {wait}.",
  [Code.DEADLINE_EXCEEDED]: "The server took too long to answer. Try again; it will not count twice.",
  [Code.INTERNAL_ERROR]: "Something went wrong on our side. Try again.",
};

/**
 * The sentence to show for a failure.
 * @param {unknown} failure usually a Problem
 * @returns {string}
 */
export function sentence(failure) {
  if (!(failure instanceof Problem)) return "Something unexpected happened. Reload the page and try again.";
  const wait = failure.retryAfter === null ? "in a moment" : `in ${span(Math.ceil(failure.retryAfter))}`;
  return (SENTENCES[failure.code] ?? (failure.detail || "That did not work. Try again.")).replace("{wait}", wait);
}
