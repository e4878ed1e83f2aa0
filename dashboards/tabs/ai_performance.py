"""AI Performance: whether integration data makes the AI's answers better, and which data does."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Tab
from dashboards.panel_queries import column, split
from dashboards.tabs import names
from dashboards.tabs.parts import EMPTY, tile, together, trend
from kpis.kpi import Unit
from kpis.scope import Interval
from kpis.sql.dialect import Dialect

# Upper bounds of the heat map's rows, in milliseconds; the last row holds the rest.
_BOUNDS: Final = (50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 60_000)


def _latencies(dialect: Dialect) -> str:
    rows = ", ".join(
        f"sumIf(counted, {0 if index == 0 else _BOUNDS[index - 1]} <= ms AND ms < {bound}) AS `{bound}`"
        for index, bound in enumerate(_BOUNDS)
    )
    # Grafana cannot draw a frame without fields, which is what the plugin makes of no rows: there is always one.
    where = [dialect.tenant("user_id"), f"window_start >= {dialect.start}", f"window_start < {dialect.end}"]
    where += [dialect.one_of(name, column) for name, column in _COLUMNS.items() if name in dialect.filters]
    return f"""
SELECT toStartOfInterval(window_start, INTERVAL 3 HOUR) AS time, {rows}
FROM
(
    SELECT window_start, ms, counted FROM
    (
        SELECT window_start, arrayJoin(arrayZip(response_time_histogram.1, response_time_histogram.2)) AS pair,
            if(pair.1 = -1, 0., 2 * pow(1.01, pair.1) / 2.01) AS ms, pair.2 AS counted
        FROM query_windows FINAL
        WHERE {" AND ".join(where)}
    )
    UNION ALL
    SELECT {dialect.start} AS window_start, 0. AS ms, 0 AS counted
)
GROUP BY time
ORDER BY time"""


_COLUMNS: Final = {"provider": "integration_provider", "query_type": "query_type"}

_BY_DATA: Final = PanelLink("By data type", names.AI_PERFORMANCE, panel=11)
_BY_TYPE: Final = PanelLink("By query type", names.AI_PERFORMANCE, panel=21)

_NUMBERS: Final = PanelRow(
    "At a glance",
    together(
        tile(1, "How often do queries get an answer?", "query_success_rate", link=_BY_TYPE),
        tile(2, "How sure is the AI with data?", "confidence_with_data", link=_BY_DATA),
        tile(3, "How sure is it without?", "confidence_without_data", link=_BY_DATA),
        tile(4, "How much surer does data make it?", "confidence_lift", link=_BY_DATA),
        tile(5, "How long does half of the queries take at most?", "latency_p50_ms", link=_BY_TYPE),
        tile(6, "How long do the slowest 1 % take?", "latency_p99_ms", link=_BY_TYPE),
    ),
)

_CONFIDENCE: Final = PanelRow(
    "Does data make answers better?",
    (
        trend(
            10,
            "AI confidence with and without data",
            "How sure is the AI, with and without data? "
            "The AI's own confidence of the same conversations with integration data and without it, by day.",
            "confidence_with_data",
            "confidence_without_data",
            every=Interval.DAY,
            width=10,
        ),
        Panel(
            id=11,
            title="Impact by data type",
            description="Which data is worth having? "
            "Use, confidence gained, durable resolutions and satisfaction of conversations by the data "
            "type they touched. A conversation counts for each of its types.",
            picture=PanelType.TABLE,
            asks={
                "A": split(
                    "conversation_count", "confidence_lift", "durable_resolution_rate", "csat", by=("data_type",)
                )
            },
            no_data="No conversation named the data it used",
            width=14,
            height=8,
            columns=(
                Column("data_type", "Data type", width=105),
                column("conversation_count"),
                column("confidence_lift"),
                column("durable_resolution_rate"),
                column("csat"),
            ),
            link=PanelLink("Conversation Intelligence", names.CONVERSATIONS),
        ),
    ),
)

_SUCCESS: Final = PanelRow(
    "Do queries succeed?",
    (
        trend(
            20,
            "Query success rate by integration",
            "Which integration answers how often? Share of queries that succeeded, by integration and day.",
            "query_success_rate",
            every=Interval.DAY,
            by=("provider",),
            width=10,
        ),
        Panel(
            id=21,
            title="Performance by query type",
            description="Which query types fall short? Volume, success, speed and the AI's confidence by query type.",
            picture=PanelType.TABLE,
            asks={
                "A": split(
                    "query_count",
                    "query_success_rate",
                    "latency_p95_ms",
                    "query_confidence",
                    by=("provider", "query_type"),
                )
            },
            no_data=EMPTY,
            width=14,
            height=8,
            columns=(
                Column("provider", "Integration", link=PanelLink("Health", names.HEALTH, {"provider": "provider"})),
                Column("query_type", "Query type", width=145),
                column("query_count"),
                column("query_success_rate"),
                column("latency_p95_ms"),
                column("query_confidence"),
            ),
        ),
    ),
)

_SPEED: Final = PanelRow(
    "Are answers quick?",
    (
        Panel(
            id=30,
            title="Response time distribution",
            description="How are response times spread? "
            "Queries by response time (upper bound in ms) and time. A second dark band means that some "
            "queries take another way: a cold cache, or a slow endpoint.",
            picture=PanelType.HEATMAP,
            asks={"A": PanelQuery(frozenset(_COLUMNS), _latencies)},
            no_data=EMPTY,
            width=12,
            height=9,
            unit=Unit.MILLISECONDS,
        ),
        trend(
            31,
            "Response time p50, p95, p99",
            "How long do queries take? Half of the queries, 95 % and 99 % of them stay below these lines.",
            "latency_p50_ms",
            "latency_p95_ms",
            "latency_p99_ms",
            every=Interval.DAY,
            height=9,
        ),
    ),
)

TAB: Final = Tab(
    uid=names.AI_PERFORMANCE,
    title="AI Performance",
    about="Does integration data make the AI's answers better, and which data does?",
    rows=(_NUMBERS, _CONFIDENCE, _SUCCESS, _SPEED),
    variables=("provider", "query_type", "channel"),
    audience="operations",
)
