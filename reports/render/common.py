"""Shared parts of PDF and HTML: charts as SVG, cells as text, figures as rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import vl_convert

from dashboards.panel import Column
from kpis.display import cell, local, shown
from kpis.kpi import Unit
from kpis.text import columns as columns_of
from kpis.text import printable
from models.counting import counted
from reports.narrative import better, change_in_words
from reports.report import Exhibit, Figure, Finding, Report

_WIDTH: Final = 640
_HEIGHT: Final = 230
MAX_ROWS: Final = 60
"""Maximum number of rows of a table; the number of further rows is stated below it."""
_OFFSET: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)[+-]\d\d:\d\d$")
_HEADINGS: Final = {"provider": "Integration", "id": "ID"}
_SHORT_CELL: Final = 5
_LONG_CELL: Final = 30

_CONFIG: Final = {
    "background": None,
    "view": {"stroke": None},
    "font": "Libertinus Serif",
    "axis": {
        "labelColor": "#444",
        "domainColor": "#bbb",
        "tickColor": "#bbb",
        "gridColor": "#e8ebee",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "labelLimit": 0,
    },
    "legend": {"labelFontSize": 11, "symbolSize": 60, "labelLimit": 0},
}


def svg(spec: dict[str, Any]) -> str:
    """Return a chart as SVG in the width of a page."""
    height = spec.get("height")
    fixed = {
        **_without_offsets(spec),
        "width": _WIDTH,
        "height": height if isinstance(height, dict) else _HEIGHT,
        "config": _CONFIG,
    }
    return str(vl_convert.vegalite_to_svg(fixed))


def _without_offsets(part: Any) -> Any:
    """Return a chart whose times have no offset: Vega would convert others to this machine's time zone."""
    if isinstance(part, list):
        return [_without_offsets(one) for one in part]
    if isinstance(part, dict):
        return {name: _without_offsets(one) for name, one in part.items()}
    return _OFFSET.sub(r"\1", part) if isinstance(part, str) else part


def period(report: Report) -> str:
    """Return the range of a report in its time zone."""
    request = report.request
    start = request.start.astimezone(ZoneInfo(request.time_zone))
    return f"{start:%Y-%m-%d %H:%M} to {local(request.end, request.time_zone)}"


def span(report: Report, finding: Finding) -> str:
    """Return the period of a finding in the report's time zone."""
    zone = ZoneInfo(report.request.time_zone)
    ended = "now" if finding.ended_at is None else f"{finding.ended_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"{finding.started_at.astimezone(zone):%Y-%m-%d %H:%M} to {ended}"


def figure_row(figure: Figure) -> dict[str, str]:
    """Return a figure as the texts of a table's row."""
    bounds = ""
    if figure.low is not None and figure.high is not None:
        low, high = (shown(figure.unit, one, figure.currency) for one in (figure.low, figure.high))
        bounds = f"{low} to {high}"
    mood = {True: "better", False: "worse", None: "same"}[better(figure)]
    return {
        "title": figure.title,
        "value": shown(figure.unit, figure.value, figure.currency),
        "bounds": bounds,
        "before": shown(figure.unit, figure.before, figure.currency),
        "change": change_in_words(figure),
        "mood": mood,
        "state": figure.state,
        "notes": "; ".join(figure.notes),
    }


def heading(column: Column | None, name: str) -> str:
    """Return a column's heading: its title, or its name as words."""
    if column and column.title:
        return column.title
    words = _HEADINGS.get(name) or printable(name.replace("_", " "))
    return words[:1].upper() + words[1:]


def title_of(exhibit: Exhibit, currency: str) -> str:
    """Return the title of an exhibit, with the currency (ISO 4217, may be empty) of a chart's amounts."""
    of_amounts = exhibit.chart is not None and any(one.unit is Unit.MONEY for one in exhibit.columns)
    return f"{exhibit.title}, in {currency}" if of_amounts and currency else exhibit.title


def table(exhibit: Exhibit, currency: str) -> dict[str, Any]:
    """Return an exhibit's table as texts; ``currency`` is that of amounts (ISO 4217), empty where it is not known.

    ``head``, ``rows``; which columns are ``numbers``; how many rows are ``left`` out; how wide each column wants to be
    (``widths``, in letters).
    """
    hidden = {column.name for column in exhibit.columns if column.hidden}
    names = [name for name in (exhibit.rows[0] if exhibit.rows else ()) if name not in hidden]
    columns = [next((one for one in exhibit.columns if one.name == name), None) for name in names]
    head = [heading(column, name) for name, column in zip(names, columns, strict=True)]
    rows = [
        [
            cell(row[name], column.unit if column else None, currency)
            for name, column in zip(names, columns, strict=True)
        ]
        for row in exhibit.rows[:MAX_ROWS]
    ]
    return {
        "head": head,
        "numbers": [
            any(
                isinstance(row[name], int | float | Decimal) and not isinstance(row[name], bool) for row in exhibit.rows
            )
            for name in names
        ],
        "rows": rows,
        "left": max(0, len(exhibit.rows) - MAX_ROWS),
        "widths": [_width([title, *cells]) for title, *cells in zip(head, *rows, strict=True)],
    }


def _width(texts: Sequence[str]) -> int:
    """Return the preferred width of a column in letters: its longest word, or a whole short cell."""
    word = max(columns_of(one) for text in texts for one in text.split() or [""])
    longest = max((columns_of(text) for text in texts[1:]), default=0)
    return max(min(max(word, longest), _LONG_CELL), _SHORT_CELL)


def origin(report: Report) -> list[tuple[str, Any]]:
    """Return the provenance as pairs of name and value: texts, numbers and times."""
    found, zone = report.provenance, ZoneInfo(report.request.time_zone)
    minutes = found.uncounted_minutes
    completeness = f"but for the last {counted(minutes, 'minute')}" if minutes else "to the last minute"
    return [
        ("Made", found.made_at.astimezone(zone)),
        (
            "Newest event stored by then",
            found.watermark.astimezone(zone) if found.watermark else "nothing is stored yet",
        ),
        ("Time zone", report.request.time_zone),
        ("Conversations counted", completeness),
        ("Hours that late events changed a day after they ended", found.late_hours),
        ("Rejected messages received in the range (not in any figure)", found.dead_letters),
        ("Stored periods restated because of late facts", found.restated),
    ]


def provenance(report: Report) -> list[tuple[str, str]]:
    """Return the same as texts."""
    return [(what, _said(value)) for what, value in origin(report)]


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, int) else str(value)
