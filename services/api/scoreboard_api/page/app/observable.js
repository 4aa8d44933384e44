// State in one place: parts write with `set`, views redraw when a key they named has changed. store.js holds the live
// page's, desk.js the console's.

/**
 * Makes a state that can be watched.
 * @template {Record<string, any>} State
 * @param {State} state what it holds at first; kept and changed in place
 * @returns {{get: () => Readonly<State>, set: (patch: Partial<State>) => void, watch: (keys: (keyof State)[], listener: () => void) => void}}
 *   `set` changes some keys and tells the listeners that named one of them; `watch` calls its listener now and whenever
 *   one of the keys has changed
 */
export function observable(state) {
  /** @type {{keys: Set<keyof State>, listener: () => void}[]} */
  const listeners = [];
  return {
    get: () => state,
    set(patch) {
      const changed = Object.keys(patch).filter((key) => state[key] !== patch[key]);
      if (changed.length === 0) return;
      Object.assign(state, patch);
      for (const { keys, listener } of listeners) if (changed.some((key) => keys.has(key))) listener();
    },
    watch(keys, listener) {
      listeners.push({ keys: new Set(keys), listener });
      listener();
    },
  };
}
