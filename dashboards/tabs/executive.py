"""Executive Overview: whether the AI's work with integrations is worth it, and whether anything is wrong."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Link, Panel, Picture, Row, Tab
from dashboards.questions import column, split
from dashboards.tabs import names
from dashboards.tabs.parts import EMPTY, FINDING_COLUMNS, UNSET, findings, tile, trend
from kpis.scope import Interval

_CONVERSATIONS: Final = Link("Conversation Intelligence", names.CONVERSATIONS)
_BUSINESS: Final = Link("Business Impact", names.BUSINESS)

_HEADLINES: Final = Row(
    "Where we stand",
    (
        tile(1, "How many conversations came in?", "conversation_count", link=_CONVERSATIONS),
        tile(2, "How many did the AI resolve for good?", "durable_resolution_rate", link=_BUSINESS),
        tile(3, "How satisfied are customers?", "csat", link=_CONVERSATIONS),
        tile(
            4,
            "How often did integrations answer?",
            "query_success_rate",
            link=Link("AI Performance", names.AI_PERFORMANCE),
        ),
        tile(5, "How often was integration data used?", "data_utilization_rate", link=_CONVERSATIONS),
        tile(
            6,
            "What needs attention now?",
            "open_incidents",
            link=Link("Real-Time Integration Monitor", names.REAL_TIME),
        ),
    ),
)

_MONEY: Final = Row(
    "What it is worth",
    (
        tile(7, "What did the AI save?", "net_savings", width=6, link=_BUSINESS, no_data=UNSET),
        tile(8, "What came back for each unit of cost?", "roi", width=6, link=_BUSINESS, no_data=UNSET),
        tile(9, "What revenue did data influence?", "influenced_revenue", width=6, link=_BUSINESS, no_data=UNSET),
        tile(
            12,
            "How many customers may leave?",
            "churn_at_risk_customers",
            width=6,
            link=Link("Predictive Analytics", names.PREDICTIVE),
        ),
    ),
)

_TRENDS: Final = Row(
    "How it develops",
    (
        trend(
            10,
            "Durable resolution rate and escalation rate",
            "Do resolutions last? "
            "Daily share of conversations that the AI resolved durably, and of those handed to a person. A falling "
            "first line with a rising second means that answers got worse.",
            "durable_resolution_rate",
            "handoff_rate",
            every=Interval.DAY,
            link=_CONVERSATIONS,
        ),
        trend(
            11,
            "Value of conversations",
            "What did conversations bring in? "
            "Value that conversations generated, by day, in the tenant's own currency. Tenants of different currencies "
            "do not add up.",
            "value_generated",
            every=Interval.DAY,
            bars=True,
            link=_BUSINESS,
        ),
    ),
)

_DETAIL: Final = Row(
    "By integration",
    (
        Panel(
            id=20,
            title="Integrations at a glance",
            description="Which integrations carry the work? "
            "Volume, success, speed and age of data by integration. Click one to see its health.",
            picture=Picture.TABLE,
            asks={
                "A": split(
                    "query_count", "query_success_rate", "latency_p95_ms", "data_freshness_hours", by=("provider",)
                )
            },
            no_data=EMPTY,
            width=24,
            height=7,
            columns=(
                Column("provider", "Integration", link=Link("Its health", names.HEALTH, {"provider": "provider"})),
                column("query_count"),
                column("query_success_rate"),
                column("latency_p95_ms"),
                column("data_freshness_hours"),
            ),
        ),
        Panel(
            id=21,
            title="Open findings",
            description="What is wrong right now? Open findings: what was seen, since when, and what to do first.",
            picture=Picture.TABLE,
            asks={"A": findings("status = 'open' AND severity IN ('critical', 'warning')", 20)},
            no_data="Nothing is wrong: there is no open finding",
            width=24,
            height=8,
            columns=FINDING_COLUMNS,
            link=Link("Real-Time Integration Monitor", names.REAL_TIME),
        ),
    ),
)

TAB: Final = Tab(
    uid=names.EXECUTIVE,
    title="Executive Overview",
    about="Is the AI's work with integrations worth it, and is anything wrong?",
    rows=(_HEADLINES, _MONEY, _TRENDS, _DETAIL),
    variables=(),
    audience="executive",
)
