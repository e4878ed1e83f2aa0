"""The generated alert rules over a week of the simulator: what went wrong is alerted, quiet hours are not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from cli.commands import alerts
from cli.commands.alerts import run_all
from cli.settings import settings
from dashboards.alerts import files
from dashboards.alerts.replay import Labelled, at_moment, matched, read, replay, unexplained
from dashboards.alerts.rules import RULES
from dashboards.files import FOLDER
from detectors.customers.churn import wave
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.simulated_week import Week

pytestmark = pytest.mark.stack

GENERATED: Final = read((FOLDER / files.FILE).read_text(encoding="utf-8"))
SERVER_ONLY: Final = {rule.uid(level) for rule in RULES if rule.needs_server for level in rule.lines}
_EVERY: Final = timedelta(minutes=10)
_DAY: Final = timedelta(days=1)
# They have a row wherever there is enough to judge; that of failing queries only where five failed.
_OF_FIGURES: Final = (
    "romashka-integration-slow-warning",
    "romashka-error-budget-fast-critical",
    "romashka-error-budget-slow-warning",
    "romashka-sync-late-warning",
    "romashka-rate-limit-warning",
    "romashka-data-stopped-warning",
)


@pytest.fixture(scope="module")
def client(week: Week) -> Iterator[Client]:
    with connect(week.address) as opened:
        yield opened


def labelled(week: Week) -> list[Labelled]:
    return [
        Labelled(one.id, one.kind, one.provider, str(one.tenant or ""), one.start, one.end) for one in week.incidents
    ]


@pytest.mark.parametrize("uid", [rule.uid for rule in GENERATED if rule.uid not in SERVER_ONLY])
def test_a_rule_gives_texts_and_one_number_and_a_row_for_each_set_of_labels(
    client: Client, week: Week, uid: str
) -> None:
    (rule,) = (rule for rule in GENERATED if rule.uid == uid)
    rows = query_rows(client, at_moment(rule, week.incidents[0].start + timedelta(hours=1)), {})
    for row in rows:
        labels = {name: cell for name, cell in row.items() if name != "value"}
        assert isinstance(row["value"], int | float)
        assert all(isinstance(cell, str) for cell in labels.values())
    keys = [tuple(cell for name, cell in row.items() if name != "value") for row in rows]
    assert len(set(keys)) == len(keys), "Grafana refuses several rows of one set of labels"


@pytest.mark.long
def test_every_labelled_incident_is_alerted_by_a_rule_that_is_there_for_it_and_nothing_else_is(
    client: Client, week: Week
) -> None:
    fired = run_all(client, GENERATED, week.incidents[0].start, week.end, _EVERY)
    finds = {rule.uid(level): rule.finds for rule in RULES for level in rule.lines}
    for incident in labelled(week):
        kinds = {kind for alert in matched(fired, incident) for kind in finds[alert.uid]}
        assert incident.kind in kinds, (incident, [alert.title for alert in matched(fired, incident)])
    assert unexplained(fired, labelled(week)) == []


@pytest.mark.long
def test_a_quiet_day_fires_nothing_although_there_was_enough_to_judge(client: Client, week: Week) -> None:
    """The 24 hours before the first incident, each rule at steps of its own range: all of the day is judged."""
    end = week.incidents[0].start
    judged: Counter[str] = Counter()

    @cache  # the levels of a rule ask the same
    def answer(sql: str) -> list[dict[str, Any]]:
        return query_rows(client, sql, {})

    for rule in GENERATED:
        if rule.uid in SERVER_ONLY:
            continue

        def counted(sql: str, uid: str = rule.uid) -> list[dict[str, Any]]:
            judged[uid] += len(answer(sql))
            return answer(sql)

        step = min(rule.over, timedelta(hours=1))
        assert replay(rule._replace(wait=timedelta(0)), end - _DAY, end, step, counted) == [], rule.uid
    assert min(judged[uid] for uid in _OF_FIGURES) > 24, judged


def test_nothing_ever_came_is_quiet_and_nothing_comes_any_more_is_not(
    database: ClickHouseAddress, client: Client, week: Week
) -> None:
    rules = [rule for rule in GENERATED if rule.uid.startswith("romashka-data-stopped")]
    with connect(database) as empty:
        assert run_all(empty, rules, week.end - timedelta(hours=3), week.end, _EVERY) == []
    fired = run_all(client, rules, week.end, week.end + timedelta(hours=3), timedelta(minutes=5))
    assert {one.uid: one.ended for one in fired} == {rule.uid: None for rule in rules}
    assert all(one.began <= week.end + timedelta(minutes=60) for one in fired)
    month_later = week.end + timedelta(days=30)
    fired = run_all(client, rules, month_later, month_later + timedelta(hours=1), _EVERY)
    assert len(fired) == len(rules), "what was there once is missed for ever"


def test_before_the_first_event_an_installation_is_quiet(client: Client, week: Week) -> None:
    rules = [rule for rule in GENERATED if rule.uid.startswith("romashka-data-stopped")]
    assert run_all(client, rules, week.start - _DAY, week.start, timedelta(hours=1)) == []


def test_a_wave_of_customers_at_risk_is_told_while_it_is_open(database: ClickHouseAddress, week: Week) -> None:
    rules = [rule for rule in GENERATED if rule.uid.startswith("romashka-churn-wave")]
    found = wave(week.tenant, at_risk=24, customers=400, usual_share=0.02, at=week.end)
    assert found is not None
    over = found._replace(status="closed", ended_at=week.end + timedelta(hours=5), updated_at=week.end + _DAY)
    with connect(database) as client:
        ClickHouseSink(database).write("predictive_insights", insight_rows([found, over]))
        fired = run_all(client, rules, week.end, week.end + _DAY, timedelta(minutes=30))
    (firing,) = fired
    assert firing.uid == "romashka-churn-wave-warning", "three times as many: not yet critical"
    assert dict(firing.labels) == {
        "user_id": str(week.tenant),
        "insight_id": str(found.id),
        "tenant": f"tenant {str(week.tenant)[:8]}",
    }
    assert firing.worst == pytest.approx(3.0)
    assert firing.ended is not None


def test_the_share_of_rejected_messages_is_of_the_same_topic(database: ClickHouseAddress, week: Week) -> None:
    (rule,) = (rule for rule in GENERATED if rule.uid == "romashka-dead-letters-warning")
    with connect(database) as client:
        client.command(
            "INSERT INTO dead_letters (received_at, topic, topic_epoch, partition, offset, stage, reason) "
            "SELECT {at:DateTime64(3, 'UTC')}, 'integration.health.v1', 1, 0, number, 'validate', 'x' FROM numbers(10)",
            parameters={"at": week.end - timedelta(minutes=5)},
        )
        client.command(
            "INSERT INTO integration_health_history (event_id, user_id, created_at, integration_provider) "
            "SELECT generateUUIDv4(), {tenant:UUID}, {at:DateTime64(3, 'UTC')}, 'hubspot' FROM numbers(30)",
            parameters={"tenant": str(week.tenant), "at": week.end - timedelta(minutes=5)},
        )
        assert query_rows(client, at_moment(rule, week.end), {}) == [{"topic": "integration.health.v1", "value": 0.25}]


def test_a_paused_sync_and_one_that_is_rarely_due_are_not_late(database: ClickHouseAddress, week: Week) -> None:
    """A sync each quarter of an hour, one a day, one each quarter that was then paused; 20 hours later."""
    (rule,) = (rule for rule in GENERATED if rule.uid == "romashka-sync-late-warning")
    until = week.end - timedelta(hours=20)
    with connect(database) as client:
        for provider, minutes, status in (
            ("hubspot", 15, "healthy"),
            ("erp", 1440, "healthy"),
            ("zendesk", 15, "paused"),
        ):
            client.command(
                "INSERT INTO integration_health_history "
                "(event_id, user_id, created_at, last_sync_at, integration_provider, sync_status) "
                "SELECT generateUUIDv4(), {tenant:UUID}, at, at, {provider:String}, {status:String} FROM "
                "(SELECT {until:DateTime64(3, 'UTC')} - toIntervalMinute(number * {minutes:UInt32}) AS at "
                "FROM numbers(12))",
                parameters={
                    "tenant": str(week.tenant),
                    "provider": provider,
                    "status": status,
                    "until": until,
                    "minutes": minutes,
                },
            )
        rows = {row["integration_provider"]: row["value"] for row in query_rows(client, at_moment(rule, week.end), {})}
    assert rows.keys() == {"hubspot", "erp"}
    assert rows["hubspot"] == pytest.approx(20 / 3, abs=0.02), "20 hours, where three count as usual at least"
    assert rows["erp"] < 1 < rule.line < rows["hubspot"]


def test_a_replay_says_when_whom_how_bad_and_which_incident(
    week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = week.incidents[0]
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"incidents": [outage.as_dict()]}), encoding="utf-8")
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", week.address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", week.address.database)
    settings.cache_clear()
    until = outage.start + timedelta(hours=1)
    asked = ["backtest", "--from", outage.start.isoformat(), "--to", until.isoformat(), "--every", "10"]
    try:
        done = CliRunner().invoke(alerts.app, [*asked, "--truth", str(truth)], catch_exceptions=False)
    finally:
        settings.cache_clear()
    said = " ".join(done.output.split())
    assert "Would have fired" in said
    assert f"{outage.start:%m-%d}" in said
    assert "Integration error rate high (critical)" in said
    assert "%" in said
    assert " ms" in said
    assert "1 of 1 incident alerted; 0 other alerts" in said
