// How the console names what the API calls by a code word, and how it writes times and spans.

import { span } from "../app/format.js";

/** @type {Record<string, string>} */
export const VERDICTS = { allow: "Allowed", flag: "Flagged", hold: "Held", suspend: "Suspended" };
/** @type {Record<string, string>} */
export const DECISIONS = { release: "Released", reject: "Rejected", ban: "Banned", dismiss: "Dismissed" };
/** @type {Record<string, string>} */
export const SOURCES = { rules: "Rules", model: "Model", report: "Report", moderator: "Moderator", appeal: "Appeal" };
/** Who are people: what they give with a sign are their own words. */
export const PEOPLE = new Set(["report", "moderator", "appeal"]);
/** @type {Record<string, string>} */
export const STATUSES = { active: "Active", hidden: "Hidden", suspended: "Suspended", banned: "Banned", erased: "Erased" };
/** @type {Record<string, string>} */
export const REASONS = { cheating: "Cheating", name: "Offensive name", other: "Something else" };

const CLOCK = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const SHORT = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** @param {string} time RFC 3339 @returns {string} 4 Nov, 14:05:09 */
export function instant(time) {
  return CLOCK.format(new Date(time));
}

/** @param {number} milliseconds @returns {string} 14:05:09 */
export function clock(milliseconds) {
  return SHORT.format(new Date(milliseconds));
}

/** @param {string} time RFC 3339 @returns {string} "8 min ago" */
export function since(time) {
  return `${span(Math.max(0, (Date.now() - Date.parse(time)) / 1000))} ago`;
}

/** @param {string} time RFC 3339 @returns {string} "3 h left", "2 h late" */
export function left(time) {
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  return seconds >= 0 ? `${span(seconds)} left` : `${span(-seconds)} late`;
}

/** @param {number} seconds @returns {string} a length of time with three digits at most: 40 ms, 0.52 s, 12 s, 4 min */
export function length(seconds) {
  if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  return span(seconds);
}

/** @param {number | null} value @returns {string} a measured value with three digits that count */
export function measure(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  return String(Number(value.toPrecision(3)));
}

/** @param {number} share 0..1 @returns {string} 12%, 0.3% */
export function percent(share) {
  const value = share * 100;
  return `${value > 0 && value < 1 ? value.toPrecision(1) : Math.round(value)}%`;
}

/** @param {string[]} parts @returns {string} "a, b and c" */
export function list(parts) {
  return new Intl.ListFormat("en").format(parts);
}

/**
 * Signals as a sentence without its end.
 * @param {{words: string}[]} signals
 * @returns {string}
 */
export function named(signals) {
  const said = list(signals.map((each) => lower(each.words)));
  return said && said[0].toUpperCase() + said.slice(1);
}

/**
 * What is claimed, in one sentence.
 * @param {import("./desk.js").Case} item
 * @returns {string}
 */
export function claimed(item) {
  const name = item.player.username;
  const did = { flag: `flagged ${name}`, hold: `held the points of ${name}`, suspend: `suspended ${name}` }[item.verdict] ?? `noticed ${name}`;
  const why = list(item.signals.slice(0, 3).map((each) => lower(each.words)));
  const because = why ? `: ${why}.` : ".";
  if (item.source === "rules") return `The rules ${did}${because}`;
  if (item.source === "model") return `The model ${did}${because}`;
  if (item.source === "report") return `Another player reported ${name}${because}`;
  if (item.source === "appeal") return `${name} asks for another look at an earlier decision${because}`;
  return `A moderator wants a look at ${name}${because}`;
}

/** @param {string} words */
function lower(words) {
  const text = words.replace(/\.$/, "");
  return /^[A-Z][a-z]/.test(text) ? text[0].toLowerCase() + text.slice(1) : text;
}
