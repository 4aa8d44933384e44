// Reads the queue and the open case into the desk, and does what a moderator decides about a case. A reply that came too
// late for the place where the moderator is now is dropped.

import { Problem } from "../app/problems.js";
import { desk, NO_CASE, NO_QUEUE } from "./desk.js";
import { read, trouble, write } from "./moderation.js";

const PAGE = 50;

/** Reads the first page of the queue again. */
export async function readQueue() {
  const { filter } = desk.get().place;
  if (desk.get().queue.filter !== filter) desk.set({ queue: { ...NO_QUEUE, filter, counts: desk.get().queue.counts } });
  try {
    const page = await read("/cases", { state: filter, limit: PAGE });
    if (desk.get().place.filter !== filter) return;
    const before = desk.get().queue;
    const next = before.later.length > 0 ? before.next : page.next_cursor;
    const queue = { status: /** @type {const} */ ("ready"), filter, first: page.items, later: before.later, next, counts: page.queue, problem: "" };
    if (JSON.stringify(queue) !== JSON.stringify(before)) desk.set({ queue });
  } catch (failure) {
    const before = desk.get().queue;
    if (before.filter === filter)
      desk.set({ queue: { ...before, status: before.status === "ready" ? "ready" : "error", problem: trouble(failure) } });
  }
}

/** Reads the page after those that are shown. @throws {Problem} */
export async function readMore() {
  const { filter, next } = desk.get().queue;
  const page = await read("/cases", { state: filter, limit: PAGE, cursor: next });
  const before = desk.get().queue;
  if (before.filter === filter) desk.set({ queue: { ...before, later: [...before.later, ...page.items], next: page.next_cursor } });
}

/** Reads one case with its evidence. @param {string} id */
export async function readCase(id) {
  if (desk.get().opened.id !== id) desk.set({ opened: { ...NO_CASE, status: "loading", id } });
  try {
    take(await read(`/cases/${encodeURIComponent(id)}`));
  } catch (failure) {
    const { opened } = desk.get();
    const gone = failure instanceof Problem && (failure.status === 404 || failure.status === 400);
    if (opened.id !== id) return;
    if (gone) desk.set({ opened: { ...NO_CASE, status: "error", id, problem: "There is no such case." } });
    else if (opened.data === null) desk.set({ opened: { ...opened, status: "error", problem: trouble(failure) } });
  }
}

/** @param {string} id @param {boolean} on whether to take it or to give it back @throws {Problem} */
export async function claim(id, on) {
  await write(`/cases/${encodeURIComponent(id)}/claim`, {}, on ? "POST" : "DELETE");
}

/** @param {string} id @param {string} decision @param {string} note @returns {Promise<import("./desk.js").Case>} @throws {Problem} */
export function decide(id, decision, note) {
  return write(`/cases/${encodeURIComponent(id)}/decide`, { decision, note });
}

/** Reads queue and case after something was done. @param {string} id */
export async function readAgain(id) {
  await Promise.all([readQueue(), desk.get().opened.id === id ? readCase(id) : null]);
}

/** @param {import("./desk.js").OpenCase} data */
function take(data) {
  const { opened } = desk.get();
  if (opened.id !== data.id || JSON.stringify(opened.data) === JSON.stringify(data)) return;
  desk.set({ opened: { status: "ready", id: data.id, data, problem: "" } });
}
