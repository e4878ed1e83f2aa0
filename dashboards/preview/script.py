"""The JavaScript of a page: Vega, and a few lines that draw every chart when it comes into view."""

from __future__ import annotations

from typing import Final

import vl_convert

_DRAW: Final = """
const axis = { labelColor: "#5b6572", domainColor: "#c3ccd6", tickColor: "#c3ccd6", gridColor: "#eef1f5" };
const narrow = innerWidth < 600;
const legend = { labelFontSize: 11, symbolSize: 60, columns: narrow ? 1 : 4, labelLimit: 0 };
const config = { background: null, view: { stroke: null }, font: "system-ui, sans-serif", axis, legend };
const charts = JSON.parse(document.getElementById("charts").textContent);
for (const [id, spec] of Object.entries(charts)) {
  const description = document.getElementById(id).getAttribute("aria-label");  // Vega has a label of its own
  const fit = { type: "fit", contains: "padding" };
  vegaEmbed("#" + id, { width: "container", autosize: fit, config, description, ...spec },
    { actions: false, renderer: "svg" }).then(reachable);
}
addEventListener("resize", reachable);
reachable();

// What scrolls can be reached with the keyboard; what does not is no stop on the way.
function reachable() {
  for (const box of document.querySelectorAll(".scroll, .tiles, .chart")) {
    const scrolls = box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth;
    if (scrolls) box.tabIndex = 0; else box.removeAttribute("tabindex");
  }
}
"""


def drawing_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed with what draws a page's charts, as one piece of JavaScript."""
    return str(vl_convert.javascript_bundle(_DRAW))
