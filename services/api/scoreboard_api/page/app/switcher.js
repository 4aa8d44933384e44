// The light/dark button. The choice is kept in this browser; without one the system's preference decides (tokens.css).

/** @returns {"light" | "dark"} what is shown now */
function shownTheme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * Makes the button switch the theme.
 * @param {HTMLButtonElement} button
 */
export function mountThemeSwitch(button) {
  const label = () => button.setAttribute("aria-label", `Switch to ${shownTheme() === "dark" ? "light" : "dark"} colours`);
  button.addEventListener("click", () => {
    const next = shownTheme() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("scoreboard.theme", next);
    } catch {
      // Not kept, but it holds for this visit.
    }
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
}
