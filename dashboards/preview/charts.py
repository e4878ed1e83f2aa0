"""Answers as Vega-Lite charts, one for each picture that is not a number or a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Final

from dashboards.panel import Panel, PanelType
from dashboards.preview.answer import Row, Shape, column_of, label, number, shape
from dashboards.preview.axes import (
    COLOURS,
    PALETTE,
    Spec,
    _step,
    iso,
    series_colour,
    state_of,
    threshold_rules,
    time_axis,
    time_in_steps,
    tooltip,
    value_axis,
)
from dashboards.preview.graph import node_graph
from dashboards.preview.labels import fitted

Answers = Mapping[str, Sequence[Row]]
_TIMELINE_BAR: Final = 16


def is_drawable(panel: Panel, answers: Answers) -> bool:
    """Whether the answers of a panel have anything to draw: rows, and in them a number or a state."""
    if not all(answers.values()):
        return False
    found = shape(answers["A"], panel)
    if panel.picture is PanelType.STATE_TIMELINE:
        # Of no rows the statement makes one without a state, which Grafana needs (see ``integration_health``).
        state = panel.columns[0].name
        return bool(found.times and found.labels) and any(row[state] for row in answers["A"])
    if panel.picture is PanelType.HEATMAP:
        return any(number(row[name]) for row in answers["A"] for name in found.numbers)
    return any(number(row[name]) is not None for row in answers["A"] for name in found.numbers)


def chart(panel: Panel, answers: Answers) -> Spec:
    """Return the chart of a panel whose answers have something to draw (see ``is_drawable``)."""
    if panel.picture is PanelType.NODE_GRAPH:
        return fitted(node_graph(answers["A"], answers["B"], PALETTE[0]))
    rows = answers["A"]
    return fitted(_CHARTS[panel.picture](panel, rows, shape(rows, panel)))


def _lines(panel: Panel, rows: Sequence[Row], found: Shape) -> Spec:
    main = [name for name in found.numbers if not name.endswith(("lower", "upper"))]
    bands = [name for name in main if f"{name}_lower" in found.numbers and f"{name}_upper" in found.numbers]
    layers: list[Spec] = [
        {
            "data": {"values": _band(panel, rows, found, name)},
            "mark": {"type": "area", "opacity": 0.18},
            "encoding": {
                "x": time_axis(),
                "y": {"field": "low", "type": "quantitative"},
                "y2": {"field": "high"},
                **series_colour(),
            },
        }
        for name in bands
    ]
    mark = {"type": "area", "opacity": 0.75, "line": True} if panel.stacked else {"type": "line", "strokeWidth": 1.8}
    values = _long(panel, rows, found, main)
    layers.append(
        {
            "data": {"values": values},
            "mark": {**mark, "tooltip": True},
            "encoding": {
                "x": time_axis(),
                "y": {**value_axis(panel, stacked=panel.stacked), "scale": {"zero": panel.stacked}},
                **series_colour(),
                **tooltip(panel),
            },
        }
    )
    if alone := _alone(values):  # a line needs two points
        layers.append(
            {
                "data": {"values": alone},
                "mark": {"type": "point", "filled": True, "size": 40, "tooltip": True},
                "encoding": {
                    "x": time_axis(),
                    "y": {
                        **value_axis(panel, stacked=panel.stacked),
                        "scale": {"zero": panel.stacked},
                        **({"stack": "zero"} if panel.stacked else {}),
                    },
                    **series_colour(),
                    **tooltip(panel),
                },
            }
        )
    return {"layer": [*layers, *threshold_rules(panel.thresholds)], "height": "container"}


def _alone(values: Sequence[Spec]) -> list[Spec]:
    """Return the points that have no neighbour in their series: no line goes through them."""
    series: dict[str, list[Spec]] = {}
    for value in sorted(values, key=lambda one: one["time"]):
        series.setdefault(value["series"], []).append(value)
    return [
        points[place]
        for points in series.values()
        for place in range(len(points))
        if points[place]["value"] is not None
        and all(one["value"] is None for one in (*points[max(0, place - 1) : place], *points[place + 1 : place + 2]))
    ]


def _time_bars(panel: Panel, rows: Sequence[Row], found: Shape) -> Spec:
    values = _long(panel, rows, found, found.numbers)
    return {
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "bar", "tooltip": True},
                "encoding": {
                    "x": time_in_steps(values),
                    "y": value_axis(panel, stacked=True),
                    **series_colour(),
                    **tooltip(panel),
                },
            },
            *threshold_rules(panel.thresholds),
        ],
        "height": "container",
    }


def _bars(panel: Panel, rows: Sequence[Row], found: Shape) -> Spec:
    several = len(found.numbers) > 1
    values = [
        {
            "label": label(row, found.labels) or column_of(panel, name).title,
            "series": column_of(panel, name).title,
            "value": number(row[name]),
            "state": state_of(column_of(panel, name).thresholds, number(row[name])),
        }
        for row in rows
        for name in found.numbers
        if number(row[name]) is not None
    ]
    colour = (
        series_colour()
        if several and found.labels
        else {
            "color": {
                "field": "state",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": list(COLOURS), "range": [*list(COLOURS.values())[:3], PALETTE[0]]},
            }
        }
    )
    return {
        "data": {"values": values},
        "mark": {"type": "bar", "tooltip": True, "cornerRadiusEnd": 2},
        "encoding": {
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelLimit": 0},
                "scale": {"paddingInner": 0.35},
            },
            "x": value_axis(panel, stacked=panel.stacked),
            **({"yOffset": {"field": "series"}} if several and found.labels and not panel.stacked else {}),
            **colour,
        },
        "height": "container",
    }


def _state_timeline(panel: Panel, rows: Sequence[Row], found: Shape) -> Spec:
    time, states = found.times[0], found.labels[-1]
    known = column_of(panel, states).states
    names = [name for name in found.labels if name != states]
    ordered = sorted(rows, key=lambda row: (label(row, names), row[time]))
    step = _step([row[time] for row in rows])
    spans = []
    for name, group in groupby(ordered, key=lambda row: label(row, names)):
        series = list(group)
        # A state holds until the next report, but not over a gap in which nothing was reported.
        ends = [min(row[time] + 3 * step, later[time]) for row, later in pairwise(series)] + [series[-1][time] + step]
        spans += [
            {"label": name, "from": iso(row[time]), "to": iso(end), "state": str(row[states])}
            for row, end in zip(series, ends, strict=True)
        ]
    seen = sorted({str(span["state"]) for span in spans})
    return {
        "data": {"values": spans},
        "mark": {"type": "bar", "tooltip": True, "height": _TIMELINE_BAR},
        "encoding": {
            "x": {**time_axis(), "field": "from"},
            "x2": {"field": "to"},
            "y": {"field": "label", "type": "nominal", "title": None, "axis": {"labelLimit": 0}},
            "color": {
                "field": "state",
                "type": "nominal",
                "title": None,
                "scale": {"domain": seen, "range": [COLOURS[known.get(state, "neutral")] for state in seen]},
                "legend": {"orient": "top"},
            },
        },
        "height": {"step": 22},
    }


def _heatmap(panel: Panel, rows: Sequence[Row], found: Shape) -> Spec:
    step = _step([row[found.times[0]] for row in rows])
    values = [
        {"time": iso(at), "until": iso(at + step), "bucket": name, "value": number(row[name])}
        for row in rows
        for name in found.numbers
        for at in [row[found.times[0]]]
        if row[name]
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "tooltip": True},
        "encoding": {
            "x": time_axis(),
            "x2": {"field": "until"},
            "y": {"field": "bucket", "type": "ordinal", "sort": list(reversed(found.numbers)), "title": panel.unit},
            "color": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "scale": {"scheme": "blues", "type": "sqrt"},
                "legend": {"orient": "bottom"},
            },
        },
        "height": "container",
    }


def _long(panel: Panel, rows: Sequence[Row], found: Shape, names: Sequence[str]) -> list[Spec]:
    """Return a row for each point: time, series and value; the series is the label, the column, or both."""
    values = []
    for row in rows:
        for name in names:
            parts = [label(row, found.labels)] if found.labels else []
            if len(names) > 1 or not parts:
                parts.append(column_of(panel, name).title)
            values.append({"time": iso(row[found.times[0]]), "series": " · ".join(parts), "value": number(row[name])})
    return values


def _band(panel: Panel, rows: Sequence[Row], found: Shape, name: str) -> list[Spec]:
    return [
        {
            "time": iso(row[found.times[0]]),
            "series": label(row, found.labels) or column_of(panel, name).title,
            "low": number(row[f"{name}_lower"]),
            "high": number(row[f"{name}_upper"]),
        }
        for row in rows
    ]


_CHARTS: Final[dict[PanelType, Callable[[Panel, Sequence[Row], Shape], Spec]]] = {
    PanelType.TIME_SERIES: _lines,
    PanelType.TIME_BARS: _time_bars,
    PanelType.BARS: _bars,
    PanelType.BAR_GAUGE: _bars,
    PanelType.GEOMAP: _bars,  # countries as bars: the shapes of a map are Grafana's
    PanelType.STATE_TIMELINE: _state_timeline,
    PanelType.HEATMAP: _heatmap,
}
