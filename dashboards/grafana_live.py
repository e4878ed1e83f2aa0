"""Grafana Live: panels that listen to the stream which the worker pushes (``streams.grafana_live``) rather than ask.

The shape of the query is that of Grafana's own data source, as its editor saves "Live Measurements".
"""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

CHANNEL: Final = "stream/romashka/monitor"
"""``stream``, the id that is pushed to, and the measurement (a test holds ``streams.grafana_live`` to it)."""
LABEL: Final = "integration"
"""The label of the measurement, one series for each of its values."""


def source() -> DataSourceRef:
    """Return a reference to the data source that every Grafana has built in."""
    return DataSourceRef(type_val="datasource", uid="grafana")


class LiveQuery(Dataquery):
    """Listens to one figure of the stream."""

    def __init__(self, ref: str, figure: str) -> None:
        self._ref = ref
        self._figure = figure

    def to_json(self) -> dict[str, Any]:
        """Return the query as Grafana's editor would save it."""
        return {
            "refId": self._ref,
            "datasource": {"type": "datasource", "uid": "grafana"},
            "queryType": "measurements",
            "channel": CHANNEL,
            "filter": {"fields": ["time", self._figure]},
        }


class Listen(Builder[LiveQuery]):
    """What the SDK's builders take for a query."""

    def __init__(self, ref: str, figure: str) -> None:
        self._query = LiveQuery(ref, figure)

    def build(self) -> LiveQuery:
        """Return the query."""
        return self._query
