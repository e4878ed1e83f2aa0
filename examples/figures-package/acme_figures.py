"""Key figures in a Python package: several from one template, and one that needs an SQL aggregate of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from kpis.custom.columns import SOURCES
from kpis.custom.definition import AlertWindow
from kpis.custom.figure_file import CustomFigure
from kpis.kpi import Aggregate, Area, Kpi, Unit

CHANNELS = {"web_chat": "chat", "email": "mail"}


def figures() -> Iterator[Mapping[str, Any] | CustomFigure]:
    """Yield the figures; the entry point names this function."""
    for channel, name in CHANNELS.items():
        # A mapping has the fields of a YAML definition, and is checked like one.
        yield {
            "id": f"failed_{name}_share",
            "title": f"Failed queries in {name}",
            "meaning": f"Share of queries of the channel {channel} that had no answer.",
            "source": "queries",
            "formula": {"kind": "share", "of": "NOT query_success", "where": f"channel = '{channel}'"},
            "direction": "down",
            "minimum_volume": 20,
        }
    # What no formula of a definition says: a Kpi of its own, with an alert.
    yield CustomFigure(
        Kpi(
            id="queries_per_conversation",
            title="Queries per conversation",
            meaning="Queries to integrations for each conversation that had any.",
            unit=Unit.SCORE,
            direction="down",
            area=Area.AI_PERFORMANCE,
            computed=Aggregate(
                SOURCES["queries"].source,
                value="count() / nullIf(uniqExact(conversation_id), 0)",
                n="uniqExact(conversation_id)",
            ),
            minimum_volume=10,
            warning=20,
        ),
        alert=AlertWindow.DAY,
    )
