"""axe-core over our pages in Chromium, and by computation what axe leaves undecided: the contrast of text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCHEMES: Final[tuple[Literal["light"], Literal["dark"]]] = ("light", "dark")
WIDTHS: Final = (1280, 390)
_PATIENCE_MS: Final = 60_000
_DRAWN: Final = "document.querySelectorAll('.chart[id]').length === document.querySelectorAll('.chart[id] svg').length"
# WCAG 2.2, 1.4.3: 4.5 to 1, and 3 to 1 for text from 24 px, or from 18.66 px where it is bold.
_CONTRASTS: Final = """
() => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const parsed = (colour) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const luminance = (colour) => colour.slice(0, 3).map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, i) => sum + one * [0.2126, 0.7152, 0.0722][i], 0);
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  const dark = scheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
  const canvasColour = parsed(dark ? "#121212" : "#fff");
  const painted = (text) => {
    // What is drawn before the text in the same picture and lies under its middle, then the backgrounds around it.
    const box = text.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2, layers = [];
    const picture = text.closest("svg");
    if (picture) {
      const shapes = [...picture.querySelectorAll("path, rect, circle")];
      for (const shape of shapes.reverse()) {
        if (!(text.compareDocumentPosition(shape) & Node.DOCUMENT_POSITION_PRECEDING)) continue;
        const style = getComputedStyle(shape), matrix = shape.getScreenCTM();
        if (style.fill === "none" || style.display === "none" || !matrix) continue;
        const point = new DOMPoint(x, y).matrixTransform(matrix.inverse());
        if (!shape.isPointInFill(point)) continue;
        const colour = parsed(style.fill); colour[3] *= style.fillOpacity * style.opacity; layers.push(colour);
      }
    }
    for (let one = text; one; one = one.parentElement) layers.push(parsed(getComputedStyle(one).backgroundColor));
    let colour = canvasColour;
    for (const layer of layers.reverse()) colour = over(layer, colour);
    return colour;
  };
  const own = (node) => [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
  const found = [];
  for (const node of document.body.querySelectorAll("*")) {
    if (!own(node) || node.closest("script, style, title, desc") || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), inside = node.closest("svg");
    if (style.visibility === "hidden") continue;
    const under = painted(node), ink = parsed(inside ? style.fill : style.color);
    for (let one = node; one && one.nodeType === 1; one = one.parentElement) ink[3] *= getComputedStyle(one).opacity;
    if (inside) ink[3] *= style.fillOpacity;
    if (!ink[3]) continue;
    const seen = over(ink, under), [low, high] = [luminance(seen), luminance(under)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) {
      const what = `${node.tagName}.${node.getAttribute("class")} ${node.textContent.trim().slice(0, 40)}`;
      found.push(`${ratio.toFixed(2)} ${what}`);
    }
  }
  return found;
}
"""
_SIDEWAYS: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_OUTSIDE: Final = """
() => [...document.querySelectorAll("nav a")].filter((one) => {
  const box = one.getBoundingClientRect(); return box.left < 0 || box.right > innerWidth;
}).map((one) => one.textContent)
"""


@contextmanager
def browser_page() -> Iterator[Page]:
    """Yield a page of a Chromium that fetches nothing."""
    assert CHROMIUM is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            context = browser.new_context(offline=True)
            context.set_default_timeout(_PATIENCE_MS)
            yield context.new_page()
        finally:
            browser.close()


def faults(page: Page, file: Path, width: int) -> list[str]:
    """Return what is wrong with a page of one width, in light and in dark: as axe says, and by contrast."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_function(_DRAWN)
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        answer: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations", "incomplete"]}).response
        place = f"{file.name} {width} px {scheme}"
        found += [f"{place}: axe {_told(one)}" for one in answer["violations"]]
        undecided = [one for one in answer["incomplete"] if one["id"] != "color-contrast"]
        found += [f"{place}: axe undecided {_told(one)}" for one in undecided]
        found += [f"{place}: contrast {one}" for one in page.evaluate(_CONTRASTS)]
    found += [f"{file.name} {width} px: tab {one} is cut off" for one in page.evaluate(_OUTSIDE)]
    if page.evaluate(_SIDEWAYS) > 0:
        found.append(f"{file.name} {width} px: scrolls sideways")
    return found


def _told(rule: dict[str, Any]) -> str:
    nodes = rule["nodes"]
    return f"{rule['id']} ({rule['impact']}): {rule['help']}; first of {len(nodes)}: {nodes[0]['html'][:160]}"
