// Starts Swagger UI on the API reference and lets it follow the page's light and dark. Loads nothing from elsewhere: the
// description is our own, and the online validator is switched off.

import { mountThemeSwitch } from "../app/switcher.js";

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Swagger UI knows dark by a class. */
function followTheme() {
  root.classList.toggle("dark-mode", root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
}

mountThemeSwitch(document.querySelector("#theme-toggle"));
new MutationObserver(followTheme).observe(root, { attributeFilter: ["data-theme"] });
dark.addEventListener("change", followTheme);
followTheme();

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
