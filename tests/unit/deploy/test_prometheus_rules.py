"""The rules of Prometheus: the real promtool runs their tests, and they fit the worker's metrics and the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from collector.metrics import CollectorMetrics
from models.topics import ALL
from streams.metrics import Metrics
from tests.unit.deploy.files import DEPLOY, ROOT, alerts, headings, load

PROMETHEUS: Final = DEPLOY / "prometheus"
RULES: Final = sorted((PROMETHEUS / "rules").glob("*.yaml"))
TESTS: Final = sorted((PROMETHEUS / "tests").glob("*.yaml"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def _promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_its_configuration_and_every_rule() -> None:
    _promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_must_and_not_when_they_must_not(file: Path) -> None:
    _promtool("test", "rules", file)


def _tested(kind: str) -> set[str]:
    """Return the alerts that the tests expect to fire (``kind`` "fires") or to be quiet."""
    found = set()
    for file in TESTS:
        for test in load(file)["tests"]:
            for case in test.get("alert_rule_test", []):
                if bool(case.get("exp_alerts")) == (kind == "fires"):
                    found.add(case["alertname"])
            for case in test.get("promql_expr_test", []) if kind == "fires" else []:
                found.update(re.findall(r'alertname="(\w+)"', case["expr"] + str(case["exp_samples"])))
    return found


def test_every_alert_has_a_test_where_it_fires_and_one_where_it_is_quiet() -> None:
    names = {rule["alert"] for rule in alerts()}
    assert names - _tested("fires") == set()
    assert names - _tested("quiet") == set()


def _exported() -> set[str]:
    """Return the names of every sample that worker and collector serve, with suffixes of counters and histograms."""
    suffixes = {"counter": ("_total", "_created"), "histogram": ("_bucket", "_sum", "_count", "_created")}
    return {
        family.name + suffix
        for registry in (Metrics().registry, CollectorMetrics().registry)
        for family in registry.collect()
        for suffix in suffixes.get(family.type, ("",))
    }


def test_every_metric_that_a_rule_asks_for_exists() -> None:
    asked = {name for rule in _all_rules() for name in re.findall(r"(?<![\w:])romashka_\w+(?![\w:])", rule["expr"])}
    assert asked
    assert asked - _exported() == set()


def test_every_recorded_series_that_a_rule_asks_for_is_recorded() -> None:
    recorded = {rule["record"] for rule in _all_rules() if "record" in rule}
    asked = {name for rule in _all_rules() for name in re.findall(r"\w+:romashka_\w+:\w+", rule["expr"])}
    assert asked == recorded, "one is missing, or nobody needs it"


def test_every_topic_that_a_rule_names_exists() -> None:
    named = {name for rule in _all_rules() for name in re.findall(r'topic="([^"]+)"', rule["expr"])}
    assert named <= {topic.name for topic in ALL}


def _all_rules() -> list[dict[str, Any]]:
    return [rule for file in RULES for group in load(file)["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_says_whom_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    labels, annotations = rule["labels"], rule["annotations"]
    assert labels["severity"] in {"critical", "warning", "info"}
    assert labels["team"] in {"pipeline", "integrations"}
    assert labels["runbook"] in headings(), f"docs/runbook.md has no heading for {labels['runbook']}"
    assert annotations["runbook_url"] == "{{ $externalLabels.runbook }}#" + labels["runbook"]
    assert annotations["summary"]
    assert len(annotations["description"]) > len(annotations["summary"])
    assert "for" in rule or "keep_firing_for" in rule, "one scrape alone must not send a message"


def test_what_an_alert_is_about_is_in_its_message() -> None:
    for rule in alerts():
        text = str(rule["annotations"])
        by = re.search(r"by \(([\w, ]+)\)", rule["expr"])
        about = set(by[1].replace(" ", "").split(",")) - {"le"} if by else set()
        assert all(f"$labels.{label}" in text for label in about), rule["alert"]


def test_no_two_rules_are_the_same_alert_at_the_same_level() -> None:
    seen = [(rule["alert"], rule["labels"]["severity"]) for rule in alerts()]
    assert len(seen) == len(set(seen))


def test_the_runbook_that_links_lead_to_can_be_set() -> None:
    assert load(PROMETHEUS / "prometheus.yml")["global"]["external_labels"] == {"runbook": "${ROMASHKA_RUNBOOK_URL}"}
    assert "ROMASHKA_RUNBOOK_URL" in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
