"""The content of each report type: figures of the registry, and panels of the dashboards."""

from __future__ import annotations

from typing import Final, NamedTuple

from dashboards.panel import Panel, Tab
from dashboards.tabs import (
    ai_performance,
    business_impact,
    conversation_intelligence,
    executive,
    integration_health,
    predictive,
)
from kpis.registry import ALL, BUILT_IN, get
from reports.request import ReportType


class Contents(NamedTuple):
    """One type of report: text of its cover, its figures in display order, and its panels."""

    about: str
    figures: tuple[str, ...]
    panels: tuple[Panel, ...]
    insights: tuple[str, ...]


def _panels(tab: Tab, *titles: str) -> tuple[Panel, ...]:
    """Return panels of a tab by title; a tile may have the title of a table."""
    found = {panel.title: panel for panel in tab.panels if panel.tile is None}
    return tuple(found[title] for title in titles)


CONTENTS: Final[dict[ReportType, Contents]] = {
    ReportType.EXECUTIVE: Contents(
        "Whether the AI's work with integrations is worth it, and whether anything is wrong",
        (
            "conversation_count",
            "durable_resolution_rate",
            "csat",
            "handoff_rate",
            "query_success_rate",
            "data_utilization_rate",
            "net_savings",
            "roi",
            "influenced_revenue",
            "conversion_rate",
            "conversion_lift",
            "integration_uptime",
        ),
        (
            *_panels(executive.TAB, "Resolution and escalation rate", "Net savings by day"),
            *_panels(integration_health.TAB, "Integrations at a glance"),
            *_panels(business_impact.TAB, "Conversion rate with and without data", "CSAT with and without data"),
            *_panels(conversation_intelligence.TAB, "Top knowledge gaps"),
        ),
        ("performance_anomaly", "kpi_change", "churn_risk", "integration_need"),
    ),
    ReportType.OPERATIONAL: Contents(
        "How integrations and the pipeline worked",
        (
            "query_count",
            "query_success_rate",
            "error_rate",
            "latency_p50_ms",
            "latency_p95_ms",
            "latency_p99_ms",
            "integration_uptime",
            "sync_success_rate",
            "data_freshness_hours",
            "api_quota_peak",
            "incident_count",
        ),
        (
            *_panels(
                integration_health.TAB,
                "Query error rate by integration",
                "Response time p95 by integration",
                "Failed queries by error",
                "Query types",
            ),
            *_panels(ai_performance.TAB, "Response time p50, p95, p99"),
        ),
        ("performance_anomaly", "kpi_change"),
    ),
    ReportType.INTEGRATION: Contents(
        "How each integration did, and what its data was worth",
        (
            "query_count",
            "query_success_rate",
            "latency_p95_ms",
            "data_freshness_hours",
            "integration_uptime",
            "sync_success_rate",
            "confidence_with_data",
            "confidence_without_data",
            "confidence_lift",
        ),
        (
            *_panels(
                integration_health.TAB,
                "Current integration status",
                "Query error rate by integration",
                "Response time p95 by integration",
                "Query types",
            ),
            *_panels(ai_performance.TAB, "Impact by data type", "Query success rate by integration"),
            *_panels(business_impact.TAB, "Impact by period"),
        ),
        ("performance_anomaly", "integration_need"),
    ),
    ReportType.CONVERSATION: Contents(
        "What conversations needed, what was missing, and where customers went",
        (
            "conversation_count",
            "data_utilization_rate",
            "knowledge_gap_rate",
            "durable_resolution_rate",
            "reopen_rate",
            "handoff_rate",
            "csat",
            "csat_lift",
            "resolution_time_minutes",
        ),
        _panels(
            conversation_intelligence.TAB,
            "Data utilization and knowledge gaps",
            "Conversations by channel",
            "Top knowledge gaps",
            "Knowledge gap impact",
            "Customer journey",
            "Journey stages",
            "Conversations by country",
        ),
        ("integration_need", "kpi_change"),
    ),
    ReportType.PREDICTIVE: Contents(
        "Who may leave, who may buy more, and what integrations will need",
        (
            "open_incidents",
            "incident_count",
            "churn_at_risk_customers",
            "upsell_opportunities",
            "integration_needs",
            "kpi_changes",
            "expected_conversion_rate",
        ),
        _panels(
            predictive.TAB,
            "Customers overdue or at risk",
            "Upsell opportunities",
            "Query volume forecast",
            "Failed queries forecast",
            "Integration needs",
            "Anomalies",
        ),
        ("performance_anomaly", "churn_risk", "upsell_opportunity", "integration_need", "kpi_change"),
    ),
}


def figures_of(type_: ReportType) -> tuple[str, ...]:
    """Return the figures of a type of report in display order: its own, then the installation's of the same areas."""
    own = CONTENTS[type_].figures
    areas = {get(id_).area for id_ in own}
    return (*own, *(id_ for id_, kpi in ALL.items() if id_ not in BUILT_IN and kpi.area in areas))
