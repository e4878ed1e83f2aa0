from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerts.files import ALERT_FOLDER, SOURCE, anchor, render
from dashboards.alerts.rules import RULES, rules
from dashboards.files import FOLDER
from dashboards.tabs import ALL
from kpis.registry import get
from kpis.sql.dialect import Grafana

GROUPS: list[dict[str, Any]] = json.loads(render())["groups"]
GENERATED: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
HEADINGS = re.findall(r"^## (.+)$", Path("docs/runbook.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_rule_is_generated_at_every_level_with_a_uid_of_its_own() -> None:
    uids = [rule["uid"] for rule in GENERATED]
    assert sorted(uids) == sorted(rule.uid(level) for rule in RULES for level in rule.lines)
    assert len(uids) == len(set(uids))
    assert all(len(uid) <= 40 for uid in uids), "Grafana takes uids of up to 40 characters"


@pytest.mark.parametrize("rule", GENERATED, ids=lambda rule: rule["uid"])
def test_a_rule_asks_reduces_and_compares(rule: dict[str, Any]) -> None:
    ask, reduce, threshold, *_ = rule["data"]
    assert rule["condition"] == threshold["refId"] == "C"
    assert ask["datasourceUid"] == SOURCE
    assert ask["relativeTimeRange"]["to"] == 30
    assert reduce["model"]["expression"] == "A"
    assert threshold["model"]["expression"] == "B"
    assert "${" not in ask["model"]["rawSql"], "alerts know no dashboard variables"
    assert "__conditionalAll" not in ask["model"]["rawSql"]


@pytest.mark.parametrize("rule", GENERATED, ids=lambda rule: rule["uid"])
def test_a_rule_says_who_what_and_where(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["labels"]["team"] in {"integrations", "business", "pipeline"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].startswith("Expected: ")
    text = json.dumps({"labels": rule["labels"], "annotations": rule["annotations"]})
    assert "$" not in text, "annotations are stored as written: no variable of the environment is filled in"


@pytest.mark.parametrize("rule", GENERATED, ids=lambda rule: rule["uid"])
def test_a_rule_is_tied_to_its_panel_by_annotations_of_text(rule: dict[str, Any]) -> None:
    # dashboardUid and panelId of the file alone make no link in messages and no heart on the panel.
    (tab,) = (tab for tab in ALL if tab.uid == rule["annotations"]["__dashboardUid__"])
    assert rule["annotations"]["__panelId__"] in {str(panel.id) for panel in tab.panels}


def test_all_rules_are_in_one_folder_that_no_dashboard_uses() -> None:
    folders = {group["folder"] for group in GROUPS}
    folders |= set(re.findall(r"^    folder: (.+)$", _written("alerting/pipeline.yaml"), re.MULTILINE))
    assert folders == {ALERT_FOLDER}
    assert ALERT_FOLDER not in re.findall(r"folder: (.+)", _written("dashboards/romashka.yaml"))


def test_a_rule_names_a_level_in_its_own_title_and_not_in_the_messages() -> None:
    for rule in GENERATED:
        assert rule["title"] == f"{rule['annotations']['title']} ({rule['labels']['severity']})"


def _written(path: str) -> str:
    return (FOLDER / "provisioning" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_leads_to_a_panel_and_a_heading_of_the_runbook_that_exist(rule: Any) -> None:
    (tab,) = (tab for tab in ALL if tab.uid == rule.tab)
    assert rule.panel in {panel.id for panel in tab.panels}
    assert anchor(rule.runbook) in {anchor(heading) for heading in HEADINGS}, rule.runbook


def test_warning_comes_before_critical() -> None:
    for rule in RULES:
        if {"warning", "critical"} <= rule.lines.keys():
            warning, critical = rule.lines["warning"], rule.lines["critical"]
            assert warning > critical if rule.below else warning < critical


def test_the_lines_of_key_figures_are_those_of_the_registry() -> None:
    by_id = {rule.id: rule for rule in RULES}
    for id_, kpi in {"integration-failing": "error_rate", "integration-slow": "latency_p95_ms"}.items():
        assert by_id[id_].lines == {"warning": get(kpi).warning, "critical": get(kpi).critical}


def test_a_message_names_the_labels_the_value_and_the_line() -> None:
    (rule,) = (rule for rule in GENERATED if rule["uid"] == "romashka-integration-failing-critical")
    summary, description = rule["annotations"]["summary"], rule["annotations"]["description"]
    assert summary.startswith("{{ if .Values.D }}{{ .Labels.integration_provider }} of {{ .Labels.tenant }}: ")
    assert '{{ printf "%.1f" .Values.D.Value }} % of queries failed in 15 minutes{{ else }}' in summary
    assert description.startswith("Expected: less than 15 % of queries. ")


def test_a_rule_about_a_tenant_asks_for_its_name() -> None:
    about = {rule.uid(level) for rule in RULES for level in rule.lines if "{tenant}" in rule.seen}
    for rule in GENERATED:
        sql = rule["data"][0]["model"]["rawSql"]
        assert (rule["uid"] in about) == ("AS user_id" in sql) == ("AS tenant\n" in sql), rule["uid"]


def test_no_place_of_a_message_is_left_open() -> None:
    for rule in GENERATED:
        for text in (rule["annotations"]["summary"], rule["annotations"]["description"]):
            assert not re.search(r"(?<!\{)\{(?!\{)", text), text


def test_groups_differ_in_name_from_each_other_and_from_those_written_by_hand() -> None:
    written = re.findall(
        r"^  - orgId: 1\n    name: (\S+)$",
        _written("alerting/pipeline.yaml"),
        re.MULTILINE,
    )
    assert written
    names = [*written, *(group["name"] for group in GROUPS)]
    assert len(set(names)) == len(names), "Grafana keeps one rhythm for a name in a folder"


def test_a_rule_holds_for_whole_evaluations() -> None:
    for group in GROUPS:
        every = int(group["interval"].removesuffix("s"))
        assert every % 10 == 0, "Grafana evaluates in steps of ten seconds"
        for rule in group["rules"]:
            assert int(rule["for"].removesuffix("s")) % every == 0, rule["uid"]


def test_an_objective_changes_the_error_budget_rules_and_says_so() -> None:
    default, stricter = ({rule.id: rule for rule in some} for some in (RULES, rules(0.995)))
    budget = {id_ for id_ in default if id_.startswith("error-budget")}
    assert len(budget) == 3
    assert {id_ for id_, rule in stricter.items() if rule != default[id_]} == budget
    assert {stricter[id_].expected for id_ in budget} == {"1 at most: 99.5 % of queries answered over 30 days"}
    assert all("/ 0.005" in stricter[id_].ask(Grafana(())) for id_ in budget)
    assert all("/ 0.03" in default[id_].ask(Grafana(())) for id_ in budget)
