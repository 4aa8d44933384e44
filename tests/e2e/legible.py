"""What a browser can tell about a page for people who do not see it well: scripts that return what is wrong."""

NAMELESS = """() => {
  const text = (id) => document.getElementById(id)?.textContent ?? "";
  const named = (element) => {
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join("");
    const others = (element.getAttribute("aria-labelledby") ?? "").split(" ").map(text).join("");
    const own = element.getAttribute("aria-label") || element.querySelector("caption")?.textContent;
    return (labels + others + (own ?? "") + element.textContent).trim() !== "";
  };
  const kinds = "a, button, input, select, textarea, summary, [role=img], table, figure svg, dialog[open]";
  return [...document.querySelectorAll(kinds)]
    .filter((element) => element.checkVisibility() && !named(element))
    .map((element) => element.outerHTML.slice(0, 160));
}"""
"""Controls and pictures without a name."""

LOST_IDS = """() => {
  const all = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const twice = all.filter((id, place) => all.indexOf(id) !== place);
  const names = ["aria-labelledby", "aria-describedby", "for", "list"];
  const meant = [...document.querySelectorAll(names.map((name) => `[${name}]`).join())]
    .filter((element) => element.checkVisibility())
    .flatMap((element) => names.flatMap((name) => (element.getAttribute(name) ?? "").split(" ")));
  return [...twice, ...meant.filter((id) => id && !document.getElementById(id))];
}"""
"""Ids that are there twice, and references of what is shown to ids that are not there."""

CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parsed = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const part = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) =>
    0.2126 * part(red / 255) + 0.7152 * part(green / 255) + 0.0722 * part(blue / 255);
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parsed(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || element.closest(".visually-hidden, .skip, :disabled, option, noscript")) continue;
    if (!element.checkVisibility({ opacityProperty: true })) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const ink = over(parsed(element instanceof SVGElement ? style.fill : style.color), below);
    const [low, high] = [luminance(ink), luminance(below)].sort((one, other) => one - other);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 90)}`);
  }
  return poor;
}"""
"""Visible texts whose contrast with what is behind them is below WCAG AA (4.5, large ones 3)."""
