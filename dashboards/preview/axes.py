"""Axes, colours, tooltips and thresholds of the charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from dashboards.panel import Panel, Thresholds
from kpis.kpi import Unit

Spec = dict[str, Any]
COLOURS: Final = {"ok": "#1a7f4b", "warning": "#b35900", "critical": "#b3261e", "neutral": "#5b6572"}
# Told apart by people who see red and green alike (Okabe and Ito).
PALETTE: Final = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#332288", "#7a7a00"]
AXIS_FORMATS: Final = {Unit.RATIO: ".0%", Unit.COUNT: "~s", Unit.MILLISECONDS: "~s", Unit.MONEY: "~s"}


def time_axis() -> Spec:
    """Return the encoding of a time axis."""
    axis = {"labelOverlap": True, "grid": False, "format": {"hours": "%H:%M", "minutes": "%H:%M"}}
    return {"field": "time", "type": "temporal", "title": None, "axis": axis}


def value_axis(panel: Panel, *, stacked: bool) -> Spec:
    """Return the encoding of a value axis in the unit of a panel."""
    format_ = AXIS_FORMATS.get(panel.unit) if panel.unit else None
    return {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "axis": {"format": format_, "tickCount": 5} if format_ else {"tickCount": 5},
        **({} if stacked else {"stack": None}),
    }


def series_colour() -> Spec:
    """Return the encoding of series by colour, with a legend."""
    return {
        "color": {
            "field": "series",
            "type": "nominal",
            "title": None,
            "scale": {"range": PALETTE},
            "legend": {"orient": "bottom"},
        }
    }


def tooltip(panel: Panel) -> Spec:
    """Return the tooltip of a point: time, series, value."""
    format_ = ".1%" if panel.unit is Unit.RATIO else ",.2~f"
    return {
        "tooltip": [
            {"field": "time", "type": "temporal", "title": "time", "format": "%Y-%m-%d %H:%M"},
            {"field": "series", "type": "nominal", "title": "what"},
            {"field": "value", "type": "quantitative", "title": "value", "format": format_},
        ]
    }


def threshold_rules(thresholds: Thresholds | None) -> list[Spec]:
    """Return a dashed line for each threshold that is set."""
    lines = {} if thresholds is None else {"warning": thresholds.warning, "critical": thresholds.critical}
    return [
        {
            "data": {"values": [{"line": value}]},
            "mark": {"type": "rule", "strokeDash": [5, 4], "color": COLOURS[name], "opacity": 0.8},
            "encoding": {"y": {"field": "line", "type": "quantitative"}},
        }
        for name, value in lines.items()
        if value is not None
    ]


def state_of(thresholds: Thresholds | None, value: float | None) -> str:
    """Return the threshold status of a value; ``neutral`` without thresholds."""
    return "neutral" if thresholds is None else thresholds.state(value)


def time_in_steps(values: Sequence[Spec]) -> Spec:
    """Return the encoding of a time axis in steps, for bars."""
    unit, format_ = _time_unit(values)
    return {**time_axis(), "timeUnit": unit, "axis": {"labelOverlap": True, "labelSeparation": 8, "format": format_}}


def _time_unit(values: Sequence[Spec]) -> tuple[str, str]:
    step = _step([datetime.fromisoformat(value["time"]) for value in values])
    if step >= timedelta(days=1):
        return "yearmonthdate", "%b %d"
    return (
        ("yearmonthdatehours", "%b %d %H:%M") if step >= timedelta(hours=1) else ("yearmonthdatehoursminutes", "%H:%M")
    )


def _step(moments: Iterable[datetime]) -> timedelta:
    """Return how far neighbouring moments are apart at least; a day where there is only one."""
    return min((later - earlier for earlier, later in pairwise(sorted(set(moments)))), default=timedelta(days=1))


def iso(moment: datetime) -> str:
    """Return a time in ISO-8601."""
    return moment.isoformat()
