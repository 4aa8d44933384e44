// Sets the chosen theme before the first paint, so that the page does not flash. A classic script in <head> on purpose:
// modules run too late. switcher.js changes the choice.
(function applyTheme() {
  try {
    const chosen = localStorage.getItem("scoreboard.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; the system's preference then decides.
  }
})();
