// Movement that helps to follow the board: rows glide to their new places, numbers count, hints fade. Who prefers reduced
// motion, or looks at another tab, gets the result at once.

const GLIDE = { duration: 480, easing: "cubic-bezier(.22, 1, .36, 1)" };
const COUNT_FOR = 600;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** @returns {boolean} whether things may move now */
export function mayMove() {
  return !calm.matches && document.visibilityState === "visible";
}

/**
 * Runs `change`, then lets every element glide from where it was (FLIP). An element in mid-flight goes on from there.
 * @param {() => Iterable<HTMLElement>} elements the ones to follow; asked before and after
 * @param {() => void} change
 */
export function glide(elements, change) {
  if (!mayMove()) return change();
  const before = new Map(Array.from(elements(), (element) => [element, element.getBoundingClientRect().top]));
  change();
  const moves = [];
  for (const element of elements()) {
    for (const running of element.getAnimations()) if (running.id === "glide") running.cancel();
    moves.push({ element, from: before.get(element), to: element.getBoundingClientRect().top });
  }
  for (const { element, from, to } of moves) {
    if (from === undefined) enter(element);
    else if (Math.abs(from - to) >= 1) play(element, [{ transform: `translateY(${from - to}px)` }, { transform: "none" }], from > to);
  }
}

/** @param {HTMLElement} element */
function enter(element) {
  play(element, [{ opacity: 0, transform: "translateY(14px) scale(.985)" }, { opacity: 1, transform: "none" }], false);
}

/** @param {HTMLElement} element @param {Keyframe[]} frames @param {boolean} above climbers pass over the others */
function play(element, frames, above) {
  element.classList.toggle("row--climbing", above);
  const animation = element.animate(frames, GLIDE);
  animation.id = "glide";
  animation.onfinish = () => element.classList.remove("row--climbing");
}

/**
 * Counts a number up or down; the last call for an element wins.
 * @param {HTMLElement & {counting?: number}} element
 * @param {number} from
 * @param {number} to
 * @param {(value: number) => string} write
 */
export function count(element, from, to, write) {
  cancelAnimationFrame(element.counting ?? 0);
  if (from === to || !mayMove()) {
    element.textContent = write(to);
    return;
  }
  const start = performance.now();
  const step = (now) => {
    const part = Math.min(1, (now - start) / COUNT_FOR);
    const eased = 1 - (1 - part) ** 3;
    element.textContent = write(part === 1 ? to : Math.round(from + (to - from) * eased));
    if (part < 1) element.counting = requestAnimationFrame(step);
  };
  element.counting = requestAnimationFrame(step);
}

/**
 * Shows a hint that fades by itself. Under reduced motion it just stays for the same time.
 * @param {HTMLElement} element
 * @param {number} duration milliseconds
 */
export function fadeAway(element, duration) {
  for (const running of element.getAnimations()) running.cancel();
  const frames = calm.matches ? [{ opacity: 1 }, { opacity: 1 }] : [{ opacity: 0 }, { opacity: 1, offset: 0.06 }, { opacity: 1, offset: 0.7 }, { opacity: 0 }];
  element.animate(frames, { duration, easing: "ease-out" }).onfinish = () => element.replaceChildren();
}

/**
 * A short glow behind a row whose score changed.
 * @param {HTMLElement} element
 */
export function flash(element) {
  if (mayMove()) element.animate([{ opacity: 0 }, { opacity: 1, offset: 0.15 }, { opacity: 0 }], { duration: 1400, easing: "ease-out" });
}
