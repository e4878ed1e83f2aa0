"""Real-Time Integration Monitor: what is happening now, every five seconds.

It asks four statements each time, whatever it shows: panels share answers (``dashboards.shared``), and what is seldom
looked at is in rows that ask nothing until they are opened.
"""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Tab
from dashboards.tabs import names
from dashboards.tabs.parts import OPEN_COLUMNS, SYNC_COLUMNS, UNLESS_ASKED, findings
from dashboards.tabs.real_time_panels import (
    CARD_STATES,
    CONNECTIONS,
    PROVIDER,
    RATE,
    STATUS_PANEL,
    by_minute,
    figure,
    of_status,
    pushed,
    syncs,
    topics,
)
from kpis.kpi import Unit

# Panels whose answer others show as well.
_NOW: Final = PanelRow(
    "Now",
    (
        Panel(
            id=STATUS_PANEL,
            title="Integration status",
            description="How is each integration doing? Critical: a critical incident is open. Degraded: any "
            "incident is open, or a connector reports trouble.",
            picture=PanelType.STAT,
            asks={"A": of_status("state")},
            no_data="No integration has reported yet",
            width=24,
            height=3,
            columns=(Column("state", "State", states=CARD_STATES),),
            by=("integration",),
            link=PanelLink("Integration Health", names.HEALTH),
        ),
        figure(
            8, "How many queries come in right now?", "query_count", RATE, unit=Unit.SCORE, title="Queries per minute"
        ),
        figure(9, "How many fail right now?", "error_rate", "error_rate", unit=Unit.RATIO),
        figure(
            13, "How slow are the slowest 5 % right now?", "latency_p95_ms", "latency_p95_ms", unit=Unit.MILLISECONDS
        ),
    ),
)
_WRONG: Final = PanelRow(
    "What is wrong",
    (
        Panel(
            id=2,
            title="Open incidents",
            description="What is wrong, and what to do? What the detectors found and is not over, the newest first.",
            picture=PanelType.TABLE,
            asks={"A": findings("status = 'open' AND insight_type = 'performance_anomaly'")},
            no_data=f"There is no open incident, {UNLESS_ASKED}",
            width=24,
            height=7,
            columns=OPEN_COLUMNS,
        ),
        Panel(
            id=4,
            title="Active alerts",
            description="Which alert rules of Grafana are firing, about to fire, or cannot be evaluated? Their "
            "messages go where the notification policy says. Incidents are what detectors found; alerts are lines that "
            "were crossed.",
            picture=PanelType.ALERTS,
            asks={},
            no_data="No alert is active",
            width=24,
            height=6,
        ),
    ),
)
_DATA: Final = PanelRow(
    "Connection and freshness",
    (
        Panel(
            id=3,
            title="Data freshness by topic",
            description="Is data still coming in? Minutes since the newest event of each topic. Quiet or silent in "
            "working hours: a producer, Kafka or the worker has stopped; romashka doctor says which.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset(), topics)},
            no_data="No event of the last day",
            width=9,
            height=8,
            columns=(
                Column("topic", "Topic"),
                Column("connection", "Connection", states=CONNECTIONS),
                Column("minutes", "Newest event", Unit.MINUTES),
            ),
        ),
        Panel(
            id=14,
            title="Connectors",
            description="What do the connectors of each integration report? Its connections of all tenants, the quota "
            "of the one that used most, and the oldest sync among them.",
            picture=PanelType.TABLE,
            asks={"A": of_status("findings", "unwell", "links", "quota", "heard_minutes", "oldest_sync_hours")},
            no_data="No integration has reported yet",
            width=15,
            height=8,
            columns=(
                Column(
                    "integration",
                    "Integration",
                    link=PanelLink("Its health", names.HEALTH, {"provider": "integration"}),
                    width=110,
                ),
                Column("findings", "Open incidents", Unit.COUNT),
                Column("unwell", "In trouble", Unit.COUNT),
                Column("links", "Connections", Unit.COUNT, width=105),
                Column("quota", "API quota used", Unit.RATIO),
                Column("heard_minutes", "Last report", Unit.MINUTES),
                Column("oldest_sync_hours", "Oldest sync", Unit.HOURS),
            ),
        ),
    ),
)
_LIVE: Final = PanelRow(
    "Minute by minute",
    (
        by_minute(
            10,
            "query_count",
            "Queries per minute by integration",
            "How many queries come in? Queries by minute.",
            bars=True,
        ),
        by_minute(
            11, "error_rate", "Query error rate by integration", "How many fail? Share of failed queries by minute."
        ),
        by_minute(
            12,
            "latency_p95_ms",
            "Response time p95 by integration",
            "How quickly do they answer? Response time that 95 % stay below, by minute.",
        ),
    ),
)
_SYNCS: Final = PanelRow(
    "Sync jobs",
    (
        Panel(
            id=20,
            title="Recent syncs",
            description="Which syncs ran last? Sync jobs of this range, the newest first, with what they moved and "
            "what failed.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(PROVIDER, syncs)},
            no_data="No sync job reported in this range",
            width=24,
            height=9,
            columns=SYNC_COLUMNS,
        ),
    ),
    collapsed=True,
)
_PUSHES: Final = PanelRow(
    "Pushed by the worker",
    (
        pushed(
            5,
            "Queries per minute, live",
            "How many queries come in this very moment?",
            "query_count",
            RATE,
            unit=Unit.SCORE,
        ),
        pushed(
            6, "Query error rate, live", "How many fail this very moment?", "error_rate", "error_rate", unit=Unit.RATIO
        ),
        pushed(
            7,
            "Response time p95, live",
            "How slow are the slowest 5 % this very moment?",
            "latency_p95_ms",
            "latency_p95_ms",
            unit=Unit.MILLISECONDS,
        ),
    ),
    collapsed=True,
)
TAB: Final = Tab(
    uid=names.REAL_TIME,
    title="Real-Time Integration Monitor",
    about="What is happening now?",
    rows=(_NOW, _WRONG, _DATA, _LIVE, _SYNCS, _PUSHES),
    variables=("provider",),
    audience="operations",
    span="15m",
    refresh="5s",
    kinds=(),
    is_marked=False,
)
