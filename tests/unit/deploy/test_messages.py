"""What people read: rules' annotations and message templates, executed by Go's text/template, which Grafana uses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.alerts.files import render
from tests.unit.deploy.files import DEPLOY, load

ALERTING: Final = DEPLOY / "grafana/provisioning/alerting"
GENERATED: Final = [rule for group in json.loads(render())["groups"] for rule in group["rules"]]
TEMPLATES: Final = load(ALERTING / "templates.yaml")["templates"][0]["template"]
RUNBOOK: Final = "https://wiki.example/runbook"
API: Final = "https://analytics.example"
TENANT: Final = "6f1c0f5e-1a53-4b2a-9a57-0d6d8f0a9c11"
LABELS: Final = {
    "user_id": TENANT,
    "tenant": "Acme GmbH",
    "integration_provider": "zendesk",
    "kind": "error_burst",
    "topic": "integration.queries.v1",
    "role": "grafana_analyst",
}
Expand = Callable[[Sequence[Mapping[str, Any]]], list[str]]

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed: it executes the templates")


@pytest.fixture(scope="module")
def expand(tmp_path_factory: pytest.TempPathFactory) -> Expand:
    """Return what expands requests; the program is built once."""
    program = tmp_path_factory.mktemp("messages") / "messages"
    source = Path(__file__).parent / "messages/main.go"
    subprocess.run(["go", "build", "-o", str(program), str(source)], check=True, capture_output=True, timeout=120)

    def run(requests: Sequence[Mapping[str, Any]]) -> list[str]:
        done = subprocess.run(
            [str(program)], input=json.dumps(list(requests)), capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        texts: list[str] = json.loads(done.stdout)
        return texts

    return run


def _field(contact_point: str, field: str) -> str:
    points = {point["name"]: point for point in load(ALERTING / "contact-points.yaml")["contactPoints"]}
    text: str = points[contact_point]["receivers"][0]["settings"][field]
    # As Grafana fills in the settings of contact points.
    return text.replace("$ROMASHKA_RUNBOOK_URL", RUNBOOK).replace("$ROMASHKA_API_PUBLIC_URL", API)


def _annotations(expand: Expand, rule: Mapping[str, Any], *, has_value: bool = True) -> dict[str, str]:
    values = {entry["refId"]: {"Value": 0.0345512} for entry in rule["data"][1:]}
    if "D" in values:
        values["D"] = {"Value": 3.45512}
    seen = {"Labels": LABELS, "Values": values} if has_value else {"Labels": {}, "Values": {}}
    names = list(rule["annotations"])
    texts = expand([{"Text": rule["annotations"][name], "Rule": seen} for name in names])
    return dict(zip(names, texts, strict=True))


def _message(*alerts: Mapping[str, Any], status: str = "firing") -> dict[str, Any]:
    group = ("alertname", "integration_provider", "pipeline_alert")
    common = [dict(alert["Annotations"]) for alert in alerts]
    labels = [dict(alert["Labels"]) for alert in alerts]
    return {
        "Status": status,
        "Alerts": list(alerts),
        "GroupLabels": {name: labels[0][name] for name in group if name in labels[0]},
        "CommonLabels": dict(set.intersection(*(set(one.items()) for one in labels))),
        "CommonAnnotations": dict(set.intersection(*(set(one.items()) for one in common))),
    }


def _alert(rule: Mapping[str, Any], annotations: Mapping[str, str], **labels: str) -> dict[str, Any]:
    name = {"alertname": rule["title"]}
    return {
        "Status": "firing",
        "Labels": {**name, **rule["labels"], **LABELS, **labels},
        # Grafana makes links of annotations that begin with __ and takes them out.
        "Annotations": {key: text for key, text in annotations.items() if not key.startswith("__")},
        "StartsAt": "2026-11-29T02:03:04Z",
        "PanelURL": f"http://grafana/d/{annotations.get('__dashboardUid__')}?viewPanel={annotations.get('__panelId__')}",
        "SilenceURL": "http://grafana/silence",
    }


def _say(expand: Expand, message: Mapping[str, Any], contact_point: str = "romashka-webhook") -> tuple[str, str]:
    fields = [_field(contact_point, field) for field in ("title", "message")]
    title, text = expand([{"Templates": TEMPLATES, "Text": field, "Message": message} for field in fields])
    return title, text


def _rule(uid: str) -> dict[str, Any]:
    (rule,) = (rule for rule in GENERATED if rule["uid"] == uid)
    return dict(rule)


@pytest.mark.parametrize("rule", GENERATED, ids=lambda rule: rule["uid"])
def test_every_message_is_complete(expand: Expand, rule: dict[str, Any]) -> None:
    annotations = _annotations(expand, rule)
    title, text = _say(expand, _message(_alert(rule, annotations)))
    assert title.startswith(f"{rule['labels']['severity'].capitalize()}: ")
    for line in (
        f"Tenant: Acme GmbH, {TENANT}",
        "Expected: ",
        "Since: 2026-11-29 02:03 UTC",
        f"Runbook: {RUNBOOK}#",
        "Silence: http",
    ):
        assert line in text
    assert f"Panel: http://grafana/d/{rule['annotations']['__dashboardUid__']}?viewPanel=" in text
    assert not re.search(r"no value|%!|<nil>|\$|\{\{|NaN|ROMASHKA", title + text), text


def test_a_share_is_told_with_one_decimal_and_a_space(expand: Expand) -> None:
    annotations = _annotations(expand, _rule("romashka-integration-failing-critical"))
    assert annotations["summary"] == "zendesk of Acme GmbH: 3.5 % of queries failed in 15 minutes"


@pytest.mark.parametrize("rule", GENERATED, ids=lambda rule: rule["uid"])
def test_a_rule_without_rows_or_with_an_error_expands_to_words(expand: Expand, rule: dict[str, Any]) -> None:
    annotations = _annotations(expand, rule, has_value=False)
    assert annotations["summary"] == f"{annotations['title']}: no value"


def test_several_alerts_of_a_group_are_told_without_saying_anything_twice(expand: Expand) -> None:
    rule = _rule("romashka-integration-slow-warning")
    first = _annotations(expand, rule)
    other = {**first, "summary": "zendesk of another tenant"}
    title, text = _say(expand, _message(_alert(rule, first), _alert(rule, other), _alert(rule, other)))
    assert title == "Warning: Integration latency p95 high, zendesk (3 alerts)"
    assert text.count("Runbook: ") == 3


@pytest.mark.parametrize("rule", GENERATED, ids=lambda rule: rule["uid"])
@pytest.mark.parametrize(("state", "words"), [("Error", "cannot be evaluated"), ("NoData", "has no data")])
def test_a_rule_that_fails_says_so_by_name_with_the_reason(
    expand: Expand, rule: dict[str, Any], state: str, words: str
) -> None:
    annotations = {**_annotations(expand, rule, has_value=False), "Error": "code: 60, UNKNOWN_TABLE " + 900 * "x"}
    failing = _alert(rule, annotations, alertname=f"Datasource{state}", rulename=rule["title"])
    title, text = _say(expand, _message(failing))
    assert title == f"{rule['labels']['severity'].capitalize()}: {rule['annotations']['title']} {words}"
    assert f"Runbook: {RUNBOOK}#an-alert-rule-cannot-be-evaluated" in text
    assert ("Reason: code: 60, UNKNOWN_TABLE" in text) == (state == "Error")
    assert 301 * "x" not in text
    assert "no value" not in title + text


def test_many_rules_that_fail_at_once_are_counted(expand: Expand) -> None:
    failing = [
        _alert(rule, _annotations(expand, rule, has_value=False), alertname="DatasourceError", rulename=rule["title"])
        for rule in GENERATED[:2] + GENERATED[4:5]
    ]
    title, text = _say(expand, _message(*failing))
    assert title.endswith("3 alert rules cannot be evaluated")
    assert GENERATED[4]["annotations"]["title"] in text


def test_the_end_of_an_alert_is_told(expand: Expand) -> None:
    rule = _rule("romashka-sync-late-critical")
    over = {**_alert(rule, _annotations(expand, rule)), "Status": "resolved"}
    title, text = _say(expand, _message(over, status="resolved"))
    assert title.startswith("Resolved: The last sync of zendesk")
    assert text.startswith("Resolved:\n")


@pytest.mark.parametrize(
    ("labels", "title", "anchor"),
    [
        (
            {
                "pipeline_alert": "WorkerDoesNotAnswer",
                "instance": "worker-1:9464",
                "runbook": "a-worker-does-not-answer",
            },
            "Critical: WorkerDoesNotAnswer, worker worker-1:9464",
            "a-worker-does-not-answer",
        ),
        ({}, "Critical: Prometheus does not answer", "prometheus-does-not-answer"),
    ],
)
def test_alerts_of_prometheus_are_told_as_they_are(
    expand: Expand, labels: dict[str, str], title: str, anchor: str
) -> None:
    (rule,) = load(ALERTING / "pipeline.yaml")["groups"][0]["rules"]
    names = list(rule["annotations"])
    seen = {"Labels": labels, "Values": {}}
    texts = expand([{"Text": rule["annotations"][name], "Rule": seen} for name in names])
    annotations = dict(zip(names, texts, strict=True))
    alert = _alert(rule, annotations)
    alert["Labels"] = {"alertname": rule["title"], "severity": "critical", **labels}
    said, text = _say(expand, _message(alert))
    assert said == title
    assert f"Runbook: {RUNBOOK}#{anchor}\n" in text
    assert "Panel: http://grafana/d/romashka-pipeline?viewPanel=" in text


@pytest.mark.parametrize(("contact_point", "field"), [("romashka-slack", "text"), ("romashka-email", "message")])
def test_every_contact_point_gets_the_address_of_the_runbook(expand: Expand, contact_point: str, field: str) -> None:
    rule = _rule("romashka-anomaly-critical")
    message = _message(_alert(rule, _annotations(expand, rule)))
    (text,) = expand([{"Templates": TEMPLATES, "Text": _field(contact_point, field), "Message": message}])
    assert f"Runbook: {RUNBOOK}#integration-anomaly-is-open" in text


def test_a_message_about_a_finding_links_to_its_page_without_a_token_and_others_do_not(expand: Expand) -> None:
    rule = _rule("romashka-anomaly-warning")
    alert = _alert(rule, _annotations(expand, rule), insight_id=TENANT)
    assert f"Respond: {API}/links/insights/{TENANT}\n" in _say(expand, _message(alert))[1]
    without = _alert(rule, _annotations(expand, rule))
    assert "Respond:" not in _say(expand, _message(without))[1]
