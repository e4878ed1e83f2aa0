"""The labels of the alerts that Grafana raises about an insight, for silences that somebody makes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dashboards.alerts.files import ALERT_FOLDER
from dashboards.alerts.rule import Rule
from dashboards.alerts.rules import RULES
from models.insights import Insight

_KINDS: Final = {
    "sync-useless": ("stale_sync", "empty_sync"),
    "sync-interrupted": ("interrupted_sync", "sync_failing"),
    "rate-limit-ahead": ("rate_limit_exhaustion",),
}
"""Rules about some kinds of anomalies alone."""
_BY_ID: Final = {rule.id: rule for rule in RULES}


def alert_labels(insight: Insight, tenant: str) -> list[dict[str, str]]:
    """Return the labels of each alert about an insight, of every rule and level that may raise it.

    ``tenant`` is what the rules' statements call the tenant.
    """
    of_row = {
        "user_id": str(insight.user_id),
        "integration_provider": insight.integration_provider,
        "kind": insight.kind,
        "insight_id": str(insight.id),
        "tenant": tenant,
    }
    return [
        {
            **of_row,
            "alertname": f"{rule.title} ({level})",
            "grafana_folder": ALERT_FOLDER,
            "__alert_rule_uid__": rule.uid(level),
            "severity": level,
            "team": rule.team,
        }
        for rule in _rules(insight)
        for level in rule.lines
    ]


def _rules(insight: Insight) -> Sequence[Rule]:
    if insight.insight_type == "kpi_change":
        return (_BY_ID["kpi-change"],)
    if insight.insight_type != "performance_anomaly":
        return ()
    return (_BY_ID["anomaly"], *(_BY_ID[id_] for id_, kinds in _KINDS.items() if insight.kind in kinds))
