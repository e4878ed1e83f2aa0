"""A node graph as Vega-Lite layers: nodes in columns by how far they are from where paths begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Spec = dict[str, Any]
_WIDEST: Final = 14.0


def node_graph(nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]], colour: str) -> Spec:
    """Return the chart; the width of an edge and the size of a node follow their main figure.

    Edges back to an earlier column are drawn like the others: they are there, but do not move a node.
    """
    places = _places(
        [str(node["id"]) for node in nodes], [(str(edge["source"]), str(edge["target"])) for edge in edges]
    )
    largest = max((float(edge["mainstat"] or 0) for edge in edges), default=1.0) or 1.0
    lines = [
        {
            "x": places[str(edge["source"])][0],
            "y": places[str(edge["source"])][1],
            "x2": places[str(edge["target"])][0],
            "y2": places[str(edge["target"])][1],
            "from": edge["source"],
            "to": edge["target"],
            "count": float(edge["mainstat"] or 0),
            "width": max(1.0, _WIDEST * float(edge["mainstat"] or 0) / largest),
        }
        for edge in edges
        if str(edge["source"]) in places and str(edge["target"]) in places
    ]
    dots = [
        {
            "x": places[str(node["id"])][0],
            "y": places[str(node["id"])][1],
            "title": node["title"],
            "main": node["mainstat"],
        }
        for node in nodes
    ]
    hidden = {"axis": None, "scale": {"padding": 30, "zero": False}}
    xy = {"x": {"field": "x", "type": "quantitative", **hidden}, "y": {"field": "y", "type": "quantitative", **hidden}}
    return {
        "layer": [
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "opacity": 0.35, "color": colour, "strokeCap": "round"},
                "encoding": {
                    **xy,
                    "x2": {"field": "x2"},
                    "y2": {"field": "y2"},
                    "strokeWidth": {"field": "width", "type": "quantitative", "scale": None},
                    "tooltip": [{"field": name} for name in ("from", "to", "count")],
                },
            },
            {
                "data": {"values": dots},
                "mark": {"type": "circle", "size": 260, "color": colour, "opacity": 1},
                "encoding": {**xy, "tooltip": [{"field": "title"}, {"field": "main"}]},
            },
            # Titles twice: first as a rim of the page's colour, so that they can be read on a line.
            *(
                {
                    "data": {"values": dots},
                    "mark": {"type": "text", "dy": -16, "fontSize": 11, **rim},
                    "encoding": {**xy, "text": {"field": "title"}},
                }
                for rim in ({"stroke": "#fff", "strokeWidth": 4}, {})
            ),
        ],
        "height": "container",
    }


def _places(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    column = dict.fromkeys(nodes, 0)
    for _ in range(len(nodes)):  # longest path from the left; a cycle stops moving after as many rounds as nodes
        moved = False
        for source, target in edges:
            if source in column and target in column and nodes.index(source) < nodes.index(target):
                step = column[source] + 1
                if column[target] < step:
                    column[target], moved = step, True
        if not moved:
            break
    rows: dict[int, list[str]] = {}
    for node in nodes:
        rows.setdefault(column[node], []).append(node)
    # Neighbours on one height would hide the lines between those further apart.
    return {
        node: (float(place), (index + 1) / (len(group) + 1) + (0.12 if place % 2 else -0.12))
        for place, group in rows.items()
        for index, node in enumerate(group)
    }
