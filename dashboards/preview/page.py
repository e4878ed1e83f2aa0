"""One tab as one self-contained HTML page: nothing is fetched when it is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from html import escape
from importlib import resources
from typing import Any, Final, NamedTuple

from dashboards.panel import Column, Origin, Panel, PanelLink, PanelType, Tab, Tile
from dashboards.preview.answer import Row, column_of, shape
from dashboards.preview.charts import Answers, chart, is_drawable
from dashboards.preview.sums import lacks_amounts, no_data
from kpis import display
from kpis.kpi import Unit
from kpis.registry import get
from models.counting import counted

_MAX_ROWS: Final = 50
_ROW_PIXELS: Final = 34
_LONG_TEXT: Final = 24
_TILE_HEIGHTS: Final = (4, 5)
# A table is no higher than its rows, and scrolls; a timeline is as high as it has rows.
_GROWS: Final = {PanelType.TABLE: " grows", PanelType.STATE_TIMELINE: " grows whole"}
_ELSEWHERE: Final = {
    Origin.METRICS: "Grafana shows these from Prometheus; a preview asks ClickHouse only",
    Origin.ALERTS: "Grafana lists these itself: it is Grafana that judges the alert rules",
    Origin.SERVER_LOG: "Grafana shows these from the log of a ClickHouse server; the embedded engine keeps none",
}


class PageFacts(NamedTuple):
    """What a page says about itself; ``currency`` is that of amounts (ISO 4217), empty where it is not known."""

    start: datetime
    end: datetime
    tenant: str
    made_at: datetime
    currency: str = ""


def render(tab: Tab, answers: Mapping[int, Answers], facts: PageFacts, tabs: Sequence[Tab], script: str) -> str:
    """Return the page.

    Parameters
    ----------
    answers
        Panel id → reference id → rows.
    tabs
        All tabs, for the links between them.
    script
        The JavaScript that draws the charts of the page.
    """
    charts: dict[str, Any] = {}
    body = "".join(
        f'<h2>{escape(row.title)}</h2><section class="grid">'
        + "".join(_panel(panel, answers[panel.id], charts, facts.currency) for panel in panels)
        + "</section>"
        for row in tab.rows
        if (panels := [panel for panel in row.panels if panel.origin is Origin.TABLES])
    )
    page = resources.files("dashboards.preview").joinpath("page.html").read_text(encoding="utf-8")
    parts = {
        "{{title}}": escape(tab.title),
        "{{about}}": escape(tab.about),
        "{{range}}": f"{facts.start:%Y-%m-%d %H:%M} to {facts.end:%Y-%m-%d %H:%M} UTC",
        "{{tenant}}": escape(facts.tenant),
        "{{made}}": f"{facts.made_at:%Y-%m-%d %H:%M} UTC",
        "{{nav}}": "".join(_nav(one, current=one is tab) for one in tabs),
        "{{body}}": body + "".join(_elsewhere(tab, origin, why) for origin, why in _ELSEWHERE.items()),
        # Whatever a label says, it is no markup: not even the end of this script, or a comment in it.
        "{{charts}}": json.dumps(charts, ensure_ascii=False).replace("<", "\\u003c"),
        "{{script}}": script.replace("</script", "<\\/script"),
    }
    # In one pass: what is filled in is not looked at again, or a label could name a place.
    return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found[0]], page)


def file_name(tab: Tab) -> str:
    """Return the page's file name."""
    return f"{tab.uid}.html"


def _nav(tab: Tab, *, current: bool) -> str:
    return f'<a href="{file_name(tab)}"{" aria-current=page" if current else ""}>{escape(tab.title)}</a>'


def _elsewhere(tab: Tab, origin: Origin, why: str) -> str:
    """Return the panels that a preview cannot draw, in words; nothing where there are none."""
    panels = [panel for panel in tab.panels if panel.origin is origin]
    items = "".join(f"<li><b>{escape(panel.title)}</b> {escape(panel.description)}</li>" for panel in panels)
    return f'<h2>{escape(why)}</h2><ul class="elsewhere">{items}</ul>' if panels else ""


def _panel(panel: Panel, answers: Answers, charts: dict[str, Any], currency: str) -> str:
    title = panel.title
    if not all(answers.values()):
        inside = f'<p class="nodata">{escape(no_data(panel))}</p>'
    elif panel.card is not None:
        inside = _cards(panel, panel.card, answers["A"])
    elif panel.tile is not None:
        inside = _tile(panel, panel.tile, answers["A"][0], currency)
    elif panel.picture in {PanelType.STAT, PanelType.GAUGE}:
        inside = _numbers(panel, answers["A"], currency)
    elif panel.picture is PanelType.TABLE:
        inside = _table(panel, answers["A"], currency)
    elif not is_drawable(panel, answers):
        inside = f'<p class="nodata">{escape(no_data(panel))}</p>'
    else:
        charts[f"chart-{panel.id}"] = chart(panel, answers)
        if currency and any(column.unit is Unit.MONEY for column in panel.columns):
            title = f"{title}, in {currency}"
        inside = f'<div class="chart" id="chart-{panel.id}" role="figure" aria-label="{escape(panel.title)}"></div>'
    kind = (
        " half" if panel.picture is PanelType.STAT and panel.height in _TILE_HEIGHTS else _GROWS.get(panel.picture, "")
    )
    further = (
        "" if panel.link is None else f'<a class="further" href="{_address(panel.link)}">{escape(panel.link.title)}</a>'
    )
    return (
        f'<article id="panel-{panel.id}" class="panel{kind}" '
        f'style="--w:{panel.width};--h:{panel.height * _ROW_PIXELS}px">'
        f'<h3 title="{escape(panel.description)}">{escape(title)}</h3>{inside}{further}</article>'
    )


def _address(link: PanelLink) -> str:
    """Return where a link leads among the pages; what is chosen is the same on all of them."""
    return f"{link.tab}.html" + ("" if link.panel is None else f"#panel-{link.panel}")


def _cards(panel: Panel, state: Column, rows: Sequence[Row]) -> str:
    """Return a card for each row, on its state's colour, as Grafana draws them."""
    cards = "".join(
        f'<div class="card {state.states.get(str(row[state.name]), "neutral")}">'
        f"<span>{escape(' · '.join(str(row[name]) for name in panel.by))}</span>"
        f"<b>{escape(str(row[state.name]))}</b></div>"
        for row in rows[:_MAX_ROWS]
    )
    return f'<div class="cards" role="group" aria-label="{escape(panel.title)}">{cards}</div>'


def _tile(panel: Panel, tile: Tile, row: Row, currency: str) -> str:
    """Return a figure with its change against the period before, in the colour of the figure's good direction."""
    column = column_of(panel, tile.kpi)
    now, before = _float(row[tile.kpi]), _float(row[f"{tile.kpi}_before"])
    state = column.thresholds.state(now) if column.thresholds else "neutral"
    if lacks_amounts(panel, [row]):
        said = no_data(panel)
    else:
        said = (
            "before: none"
            if before is None
            else f"before: {_shown(column, row[f'{tile.kpi}_before'], panel, currency)}"
        )
    return (
        f'<div class="tiles" role="group" aria-label="{escape(panel.title)}"><div class="tile">'
        f'<b class="{state}">{escape(_shown(column, row[tile.kpi], panel, currency))}</b>'
        f"<span>{_change(tile.kpi, now, before)}{escape(said)}</span>{_heard(state)}</div></div>"
    )


def _change(kpi: str, now: float | None, before: float | None) -> str:
    if now is None or not before:
        return ""
    change = (now - before) / abs(before)
    better = {"up": change > 0, "down": change < 0}.get(get(kpi).direction)
    state = "neutral" if better is None or not change else "ok" if better else "critical"
    return f'<em class="{state}">{"▲" if change > 0 else "▼" if change < 0 else "="} {abs(change):.1%}</em> '


def _numbers(panel: Panel, rows: Sequence[Row], currency: str) -> str:
    found = shape(rows, panel)
    if not found.numbers:
        return f'<p class="nodata">{escape(no_data(panel))}</p>'
    tiles = []
    for row in rows[:_MAX_ROWS]:
        names = [name for name in row if name in found.numbers or row[name] is None]
        for name in names:
            column = column_of(panel, name)
            what = " · ".join([*(str(row[one]) for one in found.labels), *([column.title] if len(names) > 1 else [])])
            state = column.thresholds.state(_float(row[name])) if column.thresholds else "neutral"
            tiles.append(
                f'<div class="tile"><b class="{state}">{escape(_shown(column, row[name], panel, currency))}</b>'
                f"<span>{escape(what)}</span>{_heard(state)}</div>"
            )
    return f'<div class="tiles" role="group" aria-label="{escape(panel.title)}">{"".join(tiles)}</div>'


def _table(panel: Panel, rows: Sequence[Row], currency: str) -> str:
    hidden = {column.name for column in panel.columns if column.hidden}
    columns = [column_of(panel, name) for name in rows[0] if name not in hidden]
    numbers = set(shape(rows, panel).numbers)
    head = "".join(f"<th scope=col{_right(column, numbers)}>{escape(column.title)}</th>" for column in columns)
    lines = "".join(
        "<tr>" + "".join(_cell(column, row[column.name], panel, numbers, currency) for column in columns) + "</tr>"
        for row in rows[:_MAX_ROWS]
    )
    left = counted(len(rows) - _MAX_ROWS, "more row")
    more = f"<p class=more>{left}</p>" if len(rows) > _MAX_ROWS else ""
    more += f"<p class=more>{escape(no_data(panel))}</p>" if lacks_amounts(panel, rows) else ""
    box = f'<div class="scroll" role="group" aria-label="{escape(panel.title)}">'
    return f"{box}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{more}</div>"


def _cell(column: Column, cell: Any, panel: Panel, numbers: Iterable[str], currency: str) -> str:
    state = column.states.get(str(cell), "")
    if column.thresholds is not None and not state:
        state = column.thresholds.state(_float(cell))
    dot = f'<i class="{state}" role="img" aria-label="{state}"></i>' if state and state != "neutral" else ""
    text = escape(_shown(column, cell, panel, currency))
    kind = " class=n" if dot else " class=l" if len(text) > _LONG_TEXT else ""
    if isinstance(cell, date):
        text = text.replace("-", "&#8209;")  # a line may end between day and time, not within the day
    if column.link is not None and not column.link.finding:
        text = f'<a href="{_address(column.link)}">{text}</a>'
    return f"<td{_right(column, numbers) or kind}>{dot}{text}</td>"


def _heard(state: str) -> str:
    """Return what a colour says, for who does not see it."""
    return f'<span class="heard">, {state}</span>' if state in {"warning", "critical"} else ""


def _right(column: Column, numbers: Iterable[str]) -> str:
    return " class=r" if column.name in numbers else ""


def _shown(column: Column, cell: Any, panel: Panel, currency: str) -> str:
    if cell == "":
        return column.blank
    unit: Unit | None = column.unit if column.unit is not None else panel.unit
    return display.cell(cell, unit, currency)


def _float(cell: Any) -> float | None:
    return None if cell is None or isinstance(cell, str | datetime) else float(cell)
