// How numbers, ranks, times and spans are written. The page speaks English, so does the formatting.

const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const MOMENT = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DATE = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const MINUS = "\u2212";

/** @param {number} value @returns {string} 12345 → 12,345 */
export function number(value) {
  return NUMBER.format(value).replace("-", MINUS);
}

/** @param {number} value @returns {string} with its sign: +10, −3 */
export function signed(value) {
  return value < 0 ? number(value) : `+${number(value)}`;
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} "1 player", "2 players" */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** @param {number} rank @returns {string} 1st, 2nd, 3rd, 11th */
export function ordinal(rank) {
  const ending = { one: "st", two: "nd", few: "rd" }[new Intl.PluralRules("en", { type: "ordinal" }).select(rank)] ?? "th";
  return `${number(rank)}${ending}`;
}

/** @param {number} seconds @returns {string} a short span: 45 s, 3 min, 2 h, 5 d */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  if (whole < 90 * 60) return `${Math.round(whole / 60)} min`;
  if (whole < 36 * 3600) return `${Math.round(whole / 3600)} h`;
  return `${Math.round(whole / 86400)} d`;
}

/** @param {number} then milliseconds @param {number} now milliseconds @returns {string} "just now", "8 s ago" */
export function ago(then, now) {
  const seconds = Math.floor((now - then) / 1000);
  return seconds < 2 ? "just now" : `${span(seconds)} ago`;
}

/** @param {string} time RFC 3339 @returns {string} 4 Nov 2025 */
export function day(time) {
  return DAY.format(new Date(time));
}

/** @param {string} time RFC 3339 @returns {string} 4 Nov, 14:05 */
export function moment(time) {
  return MOMENT.format(new Date(time));
}

/** @param {string} time RFC 3339 @returns {string} 18:00 for today, else with the day: 4 Nov, 18:00 */
export function when(time) {
  const then = new Date(time);
  const clock = CLOCK.format(then);
  return then.toDateString() === new Date().toDateString() ? clock : `${DATE.format(then)}, ${clock}`;
}

/** @param {number} percentile 0..100 @returns {string} "98% of players"; never rounded up to more than is true */
export function shareOfPlayers(percentile) {
  return `${Math.floor(percentile)}% of players`;
}

/** @param {string} name @returns {string} one or two letters for the picture that we do not have */
export function initials(name) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [name];
  return words.slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();
}

/** @param {string} id @returns {number} a hue, always the same for one player */
export function hue(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return sum / 10;
}
