"""Executive Overview: what the AI does, what it is worth, whether integrations hold, and what to do now."""

from __future__ import annotations

from typing import Final

from dashboards import moves
from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Tab
from dashboards.tabs import names
from dashboards.tabs.parts import OPEN_COLUMNS, UNLESS_ASKED, UNSET, drawn, needing_attention, tile, together, trend
from kpis.scope import Interval

_CONVERSATIONS: Final = PanelLink("Conversation Intelligence", names.CONVERSATIONS)
_BUSINESS: Final = PanelLink("Business Impact", names.BUSINESS)
_HEALTH: Final = PanelLink("Integration Health", names.HEALTH)
_MONITOR: Final = PanelLink("Real-Time Integration Monitor", names.REAL_TIME)

_AI: Final = PanelRow(
    "AI",
    together(
        tile(2, "How many conversations did the AI resolve for good?", "durable_resolution_rate", link=_CONVERSATIONS),
        tile(3, "How satisfied are customers?", "csat", link=_CONVERSATIONS),
        tile(14, "How many conversations went to a person?", "handoff_rate", link=_CONVERSATIONS),
        charted="durable_resolution_rate",
    ),
)

_MONEY: Final = PanelRow(
    "Money",
    together(
        tile(7, "What did the AI save after all costs?", "net_savings", link=_BUSINESS, no_data=UNSET),
        tile(8, "What came back for each unit of cost?", "roi", link=_BUSINESS, no_data=UNSET),
        tile(9, "What revenue did data influence?", "influenced_revenue", link=_BUSINESS, no_data=UNSET),
        charted="net_savings",
    ),
)

_INTEGRATIONS: Final = PanelRow(
    "Integrations",
    together(
        tile(
            4,
            "How often did integrations answer?",
            "query_success_rate",
            link=PanelLink("AI Performance", names.AI_PERFORMANCE),
        ),
        tile(15, "How long were integrations up?", "integration_uptime", link=_HEALTH),
        tile(6, "What needs attention now, and what is at stake?", "open_incidents", link=_MONITOR),
    ),
)

_TRENDS: Final = PanelRow(
    "How it develops",
    (
        drawn(
            trend(
                10,
                "Resolution and escalation rate",
                "Do resolutions last? "
                "Daily share of conversations that the AI resolved durably, and of those handed to a person. A falling "
                "first line with a rising second means that answers got worse.",
                "durable_resolution_rate",
                "handoff_rate",
                every=Interval.DAY,
                width=8,
                link=_CONVERSATIONS,
            ),
            _AI.panels[0],
        ),
        drawn(
            trend(
                11,
                "Net savings by day",
                "What is left after all costs? Net savings by day, in the tenant's own currency. Of several tenants "
                "they add up only where all have the same currency.",
                "net_savings",
                every=Interval.DAY,
                width=8,
                bars=True,
                link=_BUSINESS,
            ),
            _MONEY.panels[0],
        ),
        trend(
            13,
            "Query success rate by integration",
            "Which integration answers how often? Share of queries that succeeded, by integration and day.",
            "query_success_rate",
            every=Interval.DAY,
            by=("provider",),
            width=8,
            link=_HEALTH,
        ),
    ),
)

_NOW: Final = PanelRow(
    "What changed, and what to do",
    (
        Panel(
            id=22,
            title="Largest changes",
            description="What changed most since the period before, and why? "
            "Figures whose value moved most against the period of the same length before, relative to what they were. "
            "Why: what the detectors found on the figure itself or on an integration in this range.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset(), moves.statement)},
            no_data="Nothing to compare: there is too little data in the period before",
            width=24,
            height=7,
            columns=(
                Column("figure", "Figure", width=190, link=_CONVERSATIONS),
                Column(
                    "verdict", "Verdict", states={"better": "ok", "worse": "critical", "changed": "neutral"}, width=90
                ),
                Column("before", "Before", width=110),
                Column("now", "Now", width=110),
                Column("change", "Change", width=110),
                Column("why", "Why", wrap=True),
            ),
            link=_CONVERSATIONS,
        ),
        Panel(
            id=21,
            title="What to do now",
            description="What is wrong right now, and what to do first? "
            "Anomalies and changes of key figures that are open, of severity warning or critical.",
            picture=PanelType.TABLE,
            asks={"A": needing_attention()},
            no_data=f"Nothing needs attention, {UNLESS_ASKED}",
            width=24,
            height=8,
            columns=tuple(column for column in OPEN_COLUMNS if column.name != "ended_at"),
            link=_MONITOR,
        ),
    ),
)

TAB: Final = Tab(
    uid=names.EXECUTIVE,
    title="Executive Overview",
    about="Is the AI's work with integrations worth it, is anything wrong, and what is to be done?",
    rows=(_AI, _MONEY, _INTEGRATIONS, _TRENDS, _NOW),
    variables=(),
    audience="executive",
    span="14d",
)
