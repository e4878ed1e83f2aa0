"""Grafana's provisioning files have the shapes that Grafana reads; no Grafana runs here to say so itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from cli.grafana import FOLDERS, TEAMS
from storage.access_rights import ROLES
from tests.unit.deploy.files import DEPLOY, ROOT, alerts, headings, load

PROVISIONING: Final = DEPLOY / "grafana/provisioning"
ALERTING: Final = PROVISIONING / "alerting"
SOURCES: Final[list[dict[str, Any]]] = load(PROVISIONING / "datasources/romashka.yaml")["datasources"]
GRAFANA: Final[dict[str, Any]] = load(ROOT / "docker-compose.yml")["services"]["grafana"]
DURATION: Final = re.compile(r"^\d+(ms|s|m|h|d|w)$")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for inner in route.get("routes", []):
        yield from _routes(inner)


def test_every_file_says_the_version_that_grafana_reads() -> None:
    files = sorted(PROVISIONING.rglob("*"))
    # Grafana stops at a file of alerting/ that is none of these, and at a folder.
    assert all(path.suffix in {".yaml", ".yml", ".json"} for path in files if path.parent == ALERTING)
    assert all(load(path)["apiVersion"] == 1 for path in files if path.is_file() and path.suffix == ".yaml")


def test_each_role_has_a_data_source_with_a_user_of_its_own() -> None:
    by_uid = {source["uid"]: source for source in SOURCES}
    assert len(by_uid) == len(SOURCES)
    for role in ROLES:
        source = by_uid[f"romashka-clickhouse-{role}"]
        assert source["type"] == "grafana-clickhouse-datasource"
        assert source["jsonData"]["username"] == f"grafana_{role}"
        assert source["secureJsonData"]["password"] == f"$ROMASHKA_{role.upper()}_PASSWORD"
    assert by_uid["romashka-clickhouse"]["isDefault"] is True
    assert sum(source["isDefault"] for source in SOURCES) == 1
    assert all(source["editable"] is False for source in SOURCES)
    assert by_uid["romashka-prometheus"]["type"] == "prometheus"


def test_no_secret_is_written_in_a_data_source() -> None:
    secrets = [value for source in SOURCES for value in source.get("secureJsonData", {}).values()]
    assert secrets
    assert all(re.fullmatch(r"\$ROMASHKA_\w+", value) for value in secrets)


def test_every_variable_that_grafana_fills_in_is_given_to_it() -> None:
    used = set()
    for path in PROVISIONING.rglob("*.yaml"):
        used |= {name for text in _texts(load(path)) for name in re.findall(r"\$\{?(ROMASHKA_\w+)", text)}
    assert used
    assert used <= GRAFANA["environment"].keys()


def test_there_is_a_folder_per_audience_and_its_dashboards_cannot_be_edited_away() -> None:
    providers = load(PROVISIONING / "dashboards/romashka.yaml")["providers"]
    assert {provider["folderUid"] for provider in providers} == set(FOLDERS)
    for provider in providers:
        assert provider["disableDeletion"] is True
        assert provider["allowUiUpdates"] is False
        assert provider["options"]["path"].startswith("/etc/romashka/dashboards/")
    assert {team for teams in FOLDERS.values() for team in teams} == set(TEAMS) == set(ROLES)


def _contact_points() -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = load(ALERTING / "contact-points.yaml")["contactPoints"]
    return points


def test_contact_points_have_what_their_kind_needs() -> None:
    needs = {
        "slack": {"url"},
        "pagerduty": {"integrationKey"},
        "webhook": {"url"},
        "email": {"addresses"},
    }
    receivers = [receiver for point in _contact_points() for receiver in point["receivers"]]
    assert {receiver["type"] for receiver in receivers} == set(needs)
    assert len({receiver["uid"] for receiver in receivers}) == len(receivers)
    for receiver in receivers:
        assert needs[receiver["type"]] <= receiver["settings"].keys()
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", receiver["uid"])


def test_a_contact_point_that_is_not_set_up_does_not_stop_grafana() -> None:
    # Grafana refuses to start with an empty address, so compose gives each a placeholder.
    used = {name for text in _texts(_contact_points()) for name in re.findall(r"\$(ROMASHKA_\w+)", text)}
    for name in used:
        assert re.fullmatch(r"\$\{" + name + r":-.+\}", GRAFANA["environment"][name]), name


def _policy() -> dict[str, Any]:
    (policy,) = load(ALERTING / "policies.yaml")["policies"]
    return dict(policy)


def test_every_policy_leads_to_a_contact_point() -> None:
    names = {point["name"] for point in _contact_points()}
    for route in _routes(_policy()):
        receiver = route["receiver"]
        if receiver.startswith("$"):
            default = re.fullmatch(r"\$\{\w+:-(.+)\}", GRAFANA["environment"][receiver[1:]])
            assert default is not None
            receiver = default[1]
        assert receiver in names


def test_a_contact_point_that_is_not_set_up_is_never_told() -> None:
    timings = {timing["name"]: timing["time_intervals"] for timing in _mute_timings()}
    assert timings["romashka-unset"] == [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]
    for point in _contact_points():
        assert point["name"] in timings, f"{point['name']} has no mute timing of its own name"
    root, *routes = _routes(_policy())
    for route in routes:
        assert route["receiver"] in route["mute_time_intervals"], f"{route['receiver']} may be told though it is unset"
    last = routes[-1]
    assert "object_matchers" not in last, "the last policy takes everything, so that nothing reaches the root"
    assert (last["receiver"], root["receiver"]) == ("romashka-unset", "romashka-unset")


def test_contact_points_that_are_set_up_are_not_muted_by_their_own_timing() -> None:
    never = {timing["name"] for timing in _mute_timings() if timing["time_intervals"] == [{"years": ["1970"]}]}
    assert never == {point["name"] for point in _contact_points()} - {"romashka-unset"}


def test_the_sender_of_mail_is_one_that_grafana_starts_with() -> None:
    default = re.fullmatch(r"\$\{ROMASHKA_GRAFANA_MAIL_FROM:-(.+)\}", GRAFANA["environment"]["GF_SMTP_FROM_ADDRESS"])
    assert default is not None
    assert re.fullmatch(r"[a-z]+@[a-z]+(\.[a-z]+)+", default[1]), "a bare address, with a dot in its domain"


def test_a_link_in_a_message_arrives_signed_in() -> None:
    assert GRAFANA["environment"]["GF_SECURITY_COOKIE_SAMESITE"] == "lax"


def _mute_timings() -> list[dict[str, Any]]:
    files = [load(ALERTING / "mute-timings.yaml"), json.loads((ALERTING / "working-hours.json").read_text("utf-8"))]
    return [timing for file in files for timing in file["muteTimes"]]


def test_the_tree_is_one_that_grafana_takes() -> None:
    root = _policy()
    assert "object_matchers" not in root
    assert "mute_time_intervals" not in root, "the root cannot be muted"
    for route in _routes(root):
        for key in ("group_wait", "group_interval", "repeat_interval"):
            assert DURATION.match(route.get(key, "1s")), route
        for matcher in route.get("object_matchers", []):
            name, operator, value = matcher
            assert (operator, bool(name), bool(value)) == ("=", True, True)
    assert "integration_provider" in root["group_by"], "a provider that is down is one message"


def test_what_nobody_takes_goes_further_and_still_to_its_team() -> None:
    escalation, on_call, *_ = _policy()["routes"]
    assert escalation["receiver"] == "$ROMASHKA_ALERTS_ESCALATION"
    assert escalation["continue"] is True
    assert escalation["group_wait"] == "30m"
    assert escalation["group_by"] == ["..."], "each alert waits by itself"
    assert on_call["receiver"] == "$ROMASHKA_ALERTS_CRITICAL"
    assert on_call["object_matchers"] == escalation["object_matchers"] == [["severity", "=", "critical"]]


def test_every_team_of_a_rule_has_a_way_and_critical_alerts_are_told_at_night() -> None:
    routes = _policy()["routes"]
    told = {value for route in routes for name, _, value in route.get("object_matchers", []) if name == "team"}
    assert {rule["labels"]["team"] for rule in alerts()} <= told
    at_night = [route for route in routes if "romashka-out-of-hours" not in route.get("mute_time_intervals", [])]
    assert [["severity", "=", "critical"]] in [route.get("object_matchers") for route in at_night]


def test_mute_timings_exist_and_are_times() -> None:
    timings = {timing["name"]: timing for timing in _mute_timings()}
    used = {name for route in _routes(_policy()) for name in route.get("mute_time_intervals", [])}
    named = {name for name in used if not name.startswith("$")}
    assert named | {point["name"] for point in _contact_points()} == set(timings)
    days = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
    for timing in timings.values():
        for interval in timing["time_intervals"]:
            assert {day for given in interval.get("weekdays", []) for day in given.split(":")} <= days
            for times in interval.get("times", []):
                assert re.fullmatch(r"([01]\d|2[0-4]):[0-5]\d", times["start_time"])
                assert times["start_time"] < times["end_time"]


def test_every_template_that_is_used_is_defined_and_its_blocks_close() -> None:
    (template,) = load(ALERTING / "templates.yaml")["templates"]
    text = template["template"]
    defined = set(re.findall(r'\{\{ ?define "([\w.]+)"', text))
    used = set(re.findall(r'template "([\w.]+)"', text + str(_contact_points())))
    assert used == defined
    opened = len(re.findall(r"\{\{-? ?(?:define|if|range|with) ", text))
    assert opened == len(re.findall(r"\{\{-? ?end ?-?\}\}", text))


@pytest.fixture
def bridge() -> dict[str, Any]:
    """The rule that tells the alerts of Prometheus."""
    (group,) = load(ALERTING / "pipeline.yaml")["groups"]
    assert DURATION.match(group["interval"])
    assert group["folder"]
    (rule,) = group["rules"]
    return dict(rule)


def test_the_rule_for_the_pipeline_keeps_every_label_that_alerts_have(bridge: dict[str, Any]) -> None:
    query, threshold = bridge["data"]
    kept = re.search(r"max by \(([\w, ]+)\)", query["model"]["expr"])
    assert kept is not None
    by = set(kept[1].split(", "))
    assert {"severity", "team", "runbook", "pipeline_alert"} <= by
    messages = str([rule["annotations"] for rule in alerts()])
    assert set(re.findall(r"\$labels\.(\w+)", messages)) <= by
    assert (query["datasourceUid"], threshold["datasourceUid"]) == ("romashka-prometheus", "__expr__")
    assert bridge["condition"] == threshold["refId"]
    assert threshold["model"]["expression"] == query["refId"]


def test_a_prometheus_that_does_not_answer_is_an_alert_and_one_without_alerts_is_not(bridge: dict[str, Any]) -> None:
    assert bridge["execErrState"] == "Alerting"
    assert bridge["noDataState"] == "OK"
    assert "prometheus-does-not-answer" in bridge["annotations"]["runbook"]
    assert "prometheus-does-not-answer" in headings()


def test_templates_of_alerts_use_no_dollar_that_grafana_would_fill_in() -> None:
    for path in ALERTING.glob("*.yaml"):
        for group in load(path).get("groups", []):
            for rule in group["rules"]:
                assert not [text for text in _texts([rule["labels"], rule["annotations"]]) if "$" in text]
