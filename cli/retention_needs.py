"""For how many days tables must keep their rows, from what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from detectors.kpis.kpi_change import HISTORY_DAYS
from models.responses import MAX_SNOOZE
from reports.schedule import LOOK_BACK
from storage.threshold_store import REPLAYED

# Of the two months that a monthly report compares.
_TWO_MONTHS: Final = 62
# Errors and unresolved conversations that scores of customers count (detectors.customers.customer_features).
_CUSTOMER_DAYS: Final = 90
# Two periods of 28 days whose volume is compared (detectors.customers.upsell), a day more for the first to be whole.
_GROWTH_DAYS: Final = 57
# Dashboards read the last two days of it, from their first hour on.
_RECENT_DAYS: Final = 3

_FIGURES: Final = (
    "conversation_days",
    "conversation_facts",
    "conversation_hours",
    "conversation_places",
    "conversation_sales",
    "conversation_steps",
    "customer_conversations",
    "integration_health_history",
    "conversation_intelligence",
    "query_days",
    "query_hours",
)
# What figures of long ranges read, and the events that it adds up.
_ROLL_UPS: Final = {
    "query_days": "integration_query_metrics",
    "conversation_days": "conversation_outcomes",
}


class Need(NamedTuple):
    """For how many days a table must keep its rows; ``reason`` is the beginning of a clause, the days end it."""

    days: int
    reason: str


def needed_days(kept: Mapping[str, int], *, tunes_thresholds: bool) -> dict[str, Need]:
    """Return the days that each table must keep its rows; tables that nothing looks back over are left out.

    Parameters
    ----------
    kept
        Table → days that it will keep its rows: figures read roll-ups, which must not end sooner than their
        events.
    tunes_thresholds
        Whether thresholds follow verdicts, for which findings are replayed.
    """
    needs = {name: Need(_TWO_MONTHS, "a monthly report, which compares two months, reads") for name in _FIGURES}
    needs |= {
        name: Need(_CUSTOMER_DAYS, "scores of customers read")
        for name in ("integration_query_metrics", "conversation_outcomes")
    }
    for name in ("query_days", "conversation_days"):
        needs[name] = max(needs[name], Need(HISTORY_DAYS + 1, "changes of figures are judged by"))
    needs |= {
        "query_windows": Need(_GROWTH_DAYS, "the growth of a tenant is measured over"),
        "recent_query_windows": Need(_RECENT_DAYS, "dashboards of the last two days read"),
        "predictive_insights": Need(MAX_SNOOZE.days + 1, "findings are snoozed for up to"),
        "insight_changes": Need(MAX_SNOOZE.days + 1, "findings are snoozed for up to"),
        "insight_responses": Need(MAX_SNOOZE.days + 1, "findings are snoozed for up to"),
        "insight_notices": Need(MAX_SNOOZE.days + 1, "messages about findings would be sent again within"),
        "report_deliveries": Need(LOOK_BACK.days + 1, "reports would be sent again within"),
    }
    if tunes_thresholds:
        replay = Need(REPLAYED.days + 1, "ROMASHKA_TUNE_THRESHOLDS replays")
        needs |= dict.fromkeys(("query_windows", "predictive_insights", "insight_responses"), replay)
    for name, events in _ROLL_UPS.items():
        if kept.get(events, 0) > needs[name].days:
            needs[name] = Need(kept[events], f"{events}, which it adds up, keeps them for")
    return needs
