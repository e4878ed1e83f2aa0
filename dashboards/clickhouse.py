"""The ClickHouse data source's queries; the SDK has none of its own for this plugin."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

PLUGIN: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.14.1"
"""Written into every query: without it the plugin takes them for an older version's and converts them."""


class Frame(IntEnum):
    """What the plugin makes of the rows."""

    TIME_SERIES = 0
    TABLE = 1


def source(uid: str = "${datasource}") -> DataSourceRef:
    """Return a reference to the ClickHouse data source; by default the one chosen on the dashboard."""
    return DataSourceRef(type_val=PLUGIN, uid=uid)


class ClickHouseQuery(Dataquery):
    """One statement of a panel, a variable or an annotation."""

    def __init__(self, ref: str, sql: str, frame: Frame, uid: str = "${datasource}") -> None:
        self._ref = ref
        self._sql = sql
        self._frame = frame
        self._uid = uid

    def to_json(self) -> dict[str, Any]:
        """Return the query as the plugin's editor would save it."""
        return {
            "refId": self._ref,
            "datasource": {"type": PLUGIN, "uid": self._uid},
            "editorType": "sql",
            "pluginVersion": PLUGIN_VERSION,
            "format": int(self._frame),
            "rawSql": self._sql,
        }


class QueryBuilder(Builder[ClickHouseQuery]):
    """What the SDK's builders take for a query."""

    def __init__(self, ref: str, sql: str, frame: Frame) -> None:
        self._query = ClickHouseQuery(ref, sql, frame)

    def build(self) -> ClickHouseQuery:
        """Return the query."""
        return self._query
