"""Alert rules as Grafana's provisioning file (JSON, which Grafana reads like YAML).

Labels and annotations are Go templates; ``.Labels`` and ``.Values`` are written rather than ``$labels``, because some
versions of Grafana take ``$`` for a variable of the environment there. Annotations are stored as they are written, so
none names such a variable: contact points fill in the runbook's address (``templates.yaml``). Statements are never
touched, so their macros stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from dashboards.alerts.alert_queries import with_tenant_names
from dashboards.alerts.rule import LATE, Level, Rule, Shown
from dashboards.alerts.rules import RULES
from dashboards.clickhouse import ClickHouseQuery, Frame
from kpis.sql.dialect import Grafana
from models.counting import counted

SOURCE: Final = "romashka-clickhouse-operations"
FILE: Final = "provisioning/alerting/rules.json"
ALERT_FOLDER: Final = "Alert rules"
"""Title of the folder of all rules: Grafana finds folders of rules by title, before the dashboards' folders exist."""
_VALUE: Final = ".Values.B.Value"
_PERCENT: Final = ".Values.D.Value"
_FORMATS: Final[dict[Shown, str]] = {
    "percent": f'{{{{ printf "%.1f" {_PERCENT} }}}} %',
    "milliseconds": f'{{{{ printf "%.0f" {_VALUE} }}}} ms',
    "minutes": f'{{{{ printf "%.0f" {_VALUE} }}}} minutes',
    "times": f'{{{{ printf "%.1f" {_VALUE} }}}}',
    "state": "",
}

_TENANT: Final = "{{ .Labels.tenant }}"


def render(rules: Sequence[Rule] = RULES) -> str:
    """Return the file with every rule at every level, in a group for each team and rhythm."""
    groups = [
        {
            "orgId": 1,
            "name": f"romashka-{team}-{_seconds(every)}",
            "folder": ALERT_FOLDER,
            "interval": _seconds(every),
            "rules": [
                _rule(rule, level) for rule in rules if (rule.team, rule.every) == (team, every) for level in rule.lines
            ],
        }
        for team, every in dict.fromkeys((rule.team, rule.every) for rule in rules)
    ]
    return json.dumps({"apiVersion": 1, "groups": groups}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def statement(rule: Rule) -> str:
    """Return what Grafana asks; alerts know no dashboard variables."""
    asked = rule.ask(Grafana(variables=())).strip()
    return with_tenant_names(asked).strip() if "{tenant}" in rule.seen else asked


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
        "labels": {"severity": level, "team": rule.team},
        "annotations": {
            "title": rule.title,
            "summary": _summary(rule),
            "description": f"Expected: {_expected(rule, level)}. {rule.action}",
            "runbook": anchor(rule.runbook),
            # Links to the panel, and the rule's state on it, come from these two; both are texts.
            "__dashboardUid__": rule.tab,
            "__panelId__": str(rule.panel),
        },
        "data": [_query(rule), _reduce(), _threshold(rule, level), *_percentage(rule)],
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


def _percentage(rule: Rule) -> list[dict[str, Any]]:
    """Return the share in percent, for the message alone: templates cannot multiply."""
    if rule.shown != "percent":
        return []
    model = {"refId": "D", "type": "math", "expression": "$B * 100"}
    return [{"refId": "D", "datasourceUid": "__expr__", "model": model}]


def _expected(rule: Rule, level: Level) -> str:
    line = rule.lines[level]
    texts: dict[Shown, str] = {
        "percent": f"{100 * line:g} %",
        "milliseconds": f"{line:g} ms",
        "minutes": counted(line, "minute", shown=f"{line:g}"),
        "times": f"{line:g}",
        "state": "",
    }
    return rule.expected.replace("{line}", texts[rule.shown])


def _summary(rule: Rule) -> str:
    """Return the summary; a rule that could not be evaluated, or has no row, has no value and no labels to name."""
    value = _PERCENT if rule.shown == "percent" else _VALUE
    present = value.removesuffix(".Value")
    return f"{{{{ if {present} }}}}{_words(rule.seen, rule.shown)}{{{{ else }}}}{rule.title}: no value{{{{ end }}}}"


def _words(text: str, shown: Shown) -> str:
    """Return a message as a Go template: ``{value}``, ``{tenant}`` and labels in braces filled in."""
    filled = text.replace("{value}", _FORMATS[shown]).replace("{tenant}", _TENANT)
    return re.sub(r"(?<!\{)\{([a-z_]+)\}(?!\})", r"{{ .Labels.\1 }}", filled)


def _seconds(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
