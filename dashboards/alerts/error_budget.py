"""Alert rules on the error budget of queries: the share that may fail under an objective over 30 days."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from dashboards.alerts import alert_queries
from dashboards.alerts.rule import Rule
from dashboards.tabs import names

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_WHO: Final = "{integration_provider} of {tenant}"


def budget_rules(objective: float) -> tuple[Rule, ...]:
    """Return the burn rate rules of an objective, the share of queries that should be answered (0 to 1)."""
    expected = f"1 at most: {100 * objective:g} % of queries answered over 30 days"
    return (
        Rule(
            id="error-budget-fast",
            title="Error budget burn rate high",
            team="integrations",
            ask=alert_queries.burn(objective, 60, 5, volume=20),
            over=_HOUR,
            lines={"critical": 14.4},
            wait=2 * _MINUTE,
            keep=10 * _MINUTE,
            shown="times",
            tab=names.HEALTH,
            panel=20,
            seen=f"{_WHO} burns its error budget at {{value}} times the sustainable rate (1 hour and 5 minutes)",
            expected=expected,
            action="At this pace the month's budget is gone in two days. Treat it as an outage.",
            runbook="Error budget burn rate is high",
            finds=("provider_outage", "error_burst"),
        ),
        Rule(
            id="error-budget-slow",
            title="Error budget burn rate elevated",
            team="integrations",
            ask=alert_queries.burn(objective, 360, 30, volume=50),
            over=6 * _HOUR,
            lines={"warning": 6.0},
            wait=5 * _MINUTE,
            keep=30 * _MINUTE,
            shown="times",
            tab=names.HEALTH,
            panel=20,
            seen=f"{_WHO} burns its error budget at {{value}} times the sustainable rate (6 hours and 30 minutes)",
            expected=expected,
            action="At this pace the month's budget is gone in five days. Find the query type that fails.",
            runbook="Error budget burn rate is high",
        ),
        Rule(
            id="error-budget-creeping",
            title="Error budget nearly exhausted",
            team="integrations",
            ask=alert_queries.burn(objective, 4_320, 360, volume=1_000),
            over=72 * _HOUR,
            lines={"warning": 1.0},
            wait=_HOUR,
            keep=_HOUR,
            every=10 * _MINUTE,
            shown="times",
            tab=names.HEALTH,
            panel=20,
            seen=f"{_WHO} burned its error budget at {{value}} times the sustainable rate for three days",
            expected=expected,
            action="No outage, but the month will end over budget. Plan the repair.",
            runbook="Error budget burn rate is high",
        ),
    )
