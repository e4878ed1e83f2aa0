"""Alert rules as Grafana's provisioning file (JSON, which Grafana reads like YAML).

Labels and annotations are Go templates; ``.Labels`` and ``.Values`` are written rather than ``$labels``, because
Grafana takes ``$`` for a variable of the environment there. Statements are never touched, so their macros stay.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any, Final

from dashboards.alerts.rule import LATE, Level, Rule, Shown
from dashboards.alerts.rules import RULES
from dashboards.clickhouse import ClickHouseQuery, Frame
from kpis.dialect import Grafana
from models.insights import ACROSS_TENANTS

SOURCE: Final = "romashka-clickhouse-operations"
FILE: Final = "provisioning/alerting/rules.json"
_FOLDERS: Final = {"integrations": "Operations", "pipeline": "Operations", "business": "Analysis"}
_VALUE: Final = ".Values.B.Value"
_FORMATS: Final[dict[Shown, str]] = {
    "percent": f"{{{{ humanizePercentage {_VALUE} }}}}",
    "milliseconds": f'{{{{ printf "%.0f" {_VALUE} }}}} ms',
    "minutes": f'{{{{ printf "%.0f" {_VALUE} }}}} minutes',
    "times": f'{{{{ printf "%.1f" {_VALUE} }}}}',
    "state": "",
}


# What is found across tenants belongs to the nil id.
_TENANT: Final = (
    f'{{{{ if eq .Labels.user_id "{ACROSS_TENANTS}" }}}}all tenants{{{{ else }}}}'
    "tenant {{ .Labels.user_id }}{{ end }}"
)


def render() -> str:
    """Return the file with every rule at every level, in a group for each team and rhythm."""
    groups = [
        {
            "orgId": 1,
            "name": f"romashka-{team}-{_seconds(every)}",
            "folder": _FOLDERS[team],
            "interval": _seconds(every),
            "rules": [
                _rule(rule, level) for rule in RULES if (rule.team, rule.every) == (team, every) for level in rule.lines
            ],
        }
        for team, every in dict.fromkeys((rule.team, rule.every) for rule in RULES)
    ]
    return json.dumps({"apiVersion": 1, "groups": groups}, indent=2, ensure_ascii=False) + "\n"


def statement(rule: Rule) -> str:
    """Return what Grafana asks; alerts know no dashboard variables."""
    return rule.ask(Grafana(variables=())).strip()


def anchor(heading: str) -> str:
    """Return the fragment of a heading of the runbook."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _rule(rule: Rule, level: Level) -> dict[str, Any]:
    return {
        "uid": rule.uid(level),
        "title": f"{rule.title} ({level})",
        "condition": "C",
        "for": _seconds(rule.wait),
        "keepFiringFor": _seconds(rule.keep),
        # No row means that there is nothing to judge; that data stopped coming is a rule with a row of its own.
        "noDataState": "OK",
        "execErrState": "Error",
        "dashboardUid": rule.tab,
        "panelId": rule.panel,
        "labels": {"severity": level, "team": rule.team},
        "annotations": {
            "summary": _words(rule.seen, rule.shown),
            "description": f"Expected: {_expected(rule, level)}. {rule.action}",
            "runbook_url": f"${{ROMASHKA_RUNBOOK_URL}}#{anchor(rule.runbook)}",
        },
        "data": [_query(rule), _reduce(), _threshold(rule, level)],
    }


def _query(rule: Rule) -> dict[str, Any]:
    return {
        "refId": "A",
        "datasourceUid": SOURCE,
        "relativeTimeRange": {"from": int((rule.over + LATE).total_seconds()), "to": int(LATE.total_seconds())},
        "model": ClickHouseQuery("A", statement(rule), Frame.TABLE, SOURCE).to_json(),
    }


def _reduce() -> dict[str, Any]:
    return {
        "refId": "B",
        "datasourceUid": "__expr__",
        "model": {"refId": "B", "type": "reduce", "expression": "A", "reducer": "last"},
    }


def _threshold(rule: Rule, level: Level) -> dict[str, Any]:
    evaluator = {"type": "lt" if rule.below else "gt", "params": [rule.lines[level]]}
    return {
        "refId": "C",
        "datasourceUid": "__expr__",
        "model": {"refId": "C", "type": "threshold", "expression": "B", "conditions": [{"evaluator": evaluator}]},
    }


def _expected(rule: Rule, level: Level) -> str:
    line = rule.lines[level]
    texts: dict[Shown, str] = {
        "percent": f"{100 * line:g} %",
        "milliseconds": f"{line:g} ms",
        "minutes": f"{line:g} minutes",
        "times": f"{line:g}",
        "state": "",
    }
    return rule.expected.replace("{line}", texts[rule.shown])


def _words(text: str, shown: Shown) -> str:
    """Return a message as a Go template: ``{value}``, ``{tenant}`` and labels in braces filled in."""
    filled = text.replace("{value}", _FORMATS[shown]).replace("{tenant}", _TENANT)
    return re.sub(r"(?<!\{)\{([a-z_]+)\}(?!\})", r"{{ .Labels.\1 }}", filled)


def _seconds(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
