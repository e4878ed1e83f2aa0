"""The list of exportable tables with their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from models.errors import SettingsError
from models.measures import QUERY_MEASURES, WINDOW_SUMS

# The pseudonym column. Left out by default, and otherwise shown only in a large enough group.
CUSTOMER: Final = "customer_id"


@dataclass(frozen=True)
class Exportable:
    """A table that may be exported.

    Parameters
    ----------
    source
        The table, or a deduplicated statement in parentheses.
    time
        The time column, for range and order.
    provider
        The column of the provider filter; an array where ``providers`` is true, none where empty.
    group
        The quasi-identifiers: a pseudonym is shown where at least ``K`` customers share them.
    small
        Treatment of rows of customers in smaller groups: ``blank`` empties the identifying columns and keeps the row
        for the totals; ``leave out`` drops rows that are about the customer only.
    """

    title: str
    source: str
    time: str
    columns: tuple[str, ...]
    provider: str = "integration_provider"
    providers: bool = False
    group: tuple[str, ...] = ()
    small: Literal["blank", "leave out"] = "blank"

    @property
    def per_customer(self) -> bool:
        """Whether its rows may have a customer."""
        return CUSTOMER in self.columns


_EVENT: Final = ("event_id", "user_id", "created_at", CUSTOMER, "channel", "country", "customer_segment")
_DESCRIBED: Final = ("user_id", "channel", "country", "customer_segment")
_WINDOW: Final = ("user_id", "integration_provider", "query_type", "window_start")
_KEYS: Final = ", ".join(_WINDOW)
_SUMS: Final = ", ".join(f"sum({name}) AS {name}" for name in WINDOW_SUMS)

EXPORTABLE: Final[dict[str, Exportable]] = {
    "queries": Exportable(
        "Queries of the AI to integrations",
        "integration_query_metrics",
        "created_at",
        (
            *_EVENT,
            "conversation_id",
            "integration_provider",
            "query_type",
            "query_success",
            "response_time_ms",
            *QUERY_MEASURES,
            "data_type",
            "error_kind",
        ),
        group=_DESCRIBED,
    ),
    "outcomes": Exportable(
        "How conversations ended",
        "conversation_outcomes",
        "created_at",
        (
            *_EVENT,
            "conversation_id",
            "integration_data_used",
            "integration_types_used",
            "outcome_type",
            "resolution_time_minutes",
            "customer_satisfaction_score",
            "business_value_generated",
            "handled_by",
            "handoff_reason",
            "opened_at",
            "experiment",
            "arm",
        ),
        provider="integration_types_used",
        providers=True,
        group=_DESCRIBED,
    ),
    "intelligence": Exportable(
        "What conversations needed and what was missing",
        "conversation_intelligence",
        "created_at",
        (
            *_EVENT,
            "conversation_id",
            "data_types_accessed",
            "knowledge_gaps_identified",
            "ai_confidence_with_data",
            "ai_confidence_without_data",
            "customer_journey_stage",
            "conversion_probability",
            "experiment",
            "arm",
        ),
        provider="",
        group=_DESCRIBED,
    ),
    "health": Exportable(
        "How syncs of integrations went",
        "integration_health_history",
        "created_at",
        (
            "event_id",
            "user_id",
            "created_at",
            "integration_provider",
            "sync_status",
            "last_sync_at",
            "sync_success_rate",
            "error_rate",
            "data_freshness_score",
            "api_rate_limit_usage",
            "records_synced",
            "records_failed",
            "duration_ms",
            "error_kind",
        ),
    ),
    "windows": Exportable(
        "Queries by minute",
        f"(SELECT {_KEYS}, {_SUMS} FROM query_windows FINAL GROUP BY {_KEYS})",  # noqa: S608 - our own constants
        "window_start",
        (*_WINDOW, *WINDOW_SUMS),
    ),
    "insights": Exportable(
        "What the detectors found",
        "predictive_insights",
        "started_at",
        (
            "id",
            "user_id",
            "insight_type",
            "kind",
            "severity",
            "status",
            "started_at",
            "ended_at",
            "updated_at",
            "integration_provider",
            CUSTOMER,
            "title",
            "summary",
            "confidence_score",
            "predicted_value",
            "observed",
            "expected",
            "lower",
            "upper",
            "unit",
            "contributing_factors",
            "recommended_actions",
        ),
        group=("user_id", "insight_type"),
        small="leave out",
    ),
    "impact": Exportable(
        "Business impact by period",
        "business_impact_metrics",
        "period_start",
        (
            "user_id",
            "metric_type",
            "integration_provider",
            "period_start",
            "period_end",
            "baseline_value",
            "current_value",
            "improvement_percentage",
            "treated",
            "control",
            "revision",
            "restated_at",
        ),
    ),
    "forecasts": Exportable(
        "What is expected of integrations in the next days",
        "integration_forecasts",
        "target_time",
        (
            "user_id",
            "integration_provider",
            "metric",
            "made_at",
            "target_time",
            "value",
            "lower",
            "upper",
            "model_version",
        ),
    ),
    "scores": Exportable(
        "How likely customers are to leave or to buy more",
        "customer_scores",
        "scored_at",
        ("model", "user_id", CUSTOMER, "scored_at", "probability", "prior", "started_at", "ended_at", "ended"),
        provider="",
        group=("user_id", "model"),
        small="leave out",
    ),
}


def exportable(name: str) -> Exportable:
    """Return the table of a name.

    Raises
    ------
    SettingsError
        It is not on the list; names the tables.
    """
    if name not in EXPORTABLE:
        raise SettingsError(
            f"there is no table '{name}' to export; expected one of {', '.join(EXPORTABLE)}, or a key figure as "
            "'romashka kpi list' shows them"
        )
    return EXPORTABLE[name]
