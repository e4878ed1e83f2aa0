"""What people say about an insight on the command line reaches tables, figures and alert rules, and nothing is lost."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from cli.main import app
from dashboards.alerts.alert_queries import anomalies, findings
from dashboards.tabs.parts import needing_attention
from kpis.query import build_query
from kpis.scope import ALL_TENANTS, Scope
from kpis.sql.conditions import handling, handling_join, is_acknowledged, not_set_aside
from kpis.sql.dialect import Bound
from models.errors import RomashkaError
from models.insights import Insight, Severity
from models.responses import Reply, Response, ResponseAction, ResponseStatus, ResponseVerdict, response_to
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.insight_store import InsightFilter, stored_insights
from storage.reading import query_rows
from storage.response_store import handlings, respond, responses_to
from storage.writing import insert_rows
from tests.examples.insights import insight
from tests.worker_process import SECRET

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("settings_of_database", "secret")]

MINUTE = timedelta(minutes=1)
BEGUN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROMASHKA_PSEUDONYM_KEY", base64.b64encode(SECRET).decode())
    monkeypatch.setenv("ROMASHKA_AUDIT_HEADS", str(tmp_path / "heads"))


def found(**fields: Any) -> Insight:
    return insight(started_at=BEGUN, updated_at=BEGUN, **fields)


def romashka(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["insights", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def shown(client: Client) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    dialect = Bound(Scope(now - timedelta(days=1), now, ALL_TENANTS))
    return query_rows(client, needing_attention().render(dialect), dialect.parameters)


def alerting(client: Client) -> int:
    now = datetime.now(UTC)
    dialect = Bound(Scope(now - timedelta(days=1), now, ALL_TENANTS))
    asks = (anomalies, findings(("provider_outage", "stale_sync")))
    return sum(len(query_rows(client, ask(dialect), dialect.parameters)) for ask in asks)


def gravest(client: Client) -> float:
    now = datetime.now(UTC)
    dialect = Bound(Scope(now - timedelta(days=1), now, ALL_TENANTS))
    (row,) = query_rows(client, anomalies(dialect), dialect.parameters)
    return float(row["value"])


def open_incidents(client: Client) -> int:
    now = datetime.now(UTC)
    asked = build_query(("open_incidents",), Scope(now - timedelta(days=1), now, ALL_TENANTS))
    (row,) = query_rows(client, asked.sql, asked.parameters)
    return int(row["open_incidents"])


def test_who_acknowledged_it_stands_beside_it_and_what_is_resolved_needs_attention_no_more(
    database: ClickHouseAddress,
) -> None:
    warning = found(severity="warning")
    ClickHouseSink(database).write("predictive_insights", insight_rows([warning]))
    id_ = str(warning.id)[:8]
    with connect(database) as client:
        assert [row["handling"] for row in shown(client)] == [""]
        assert (open_incidents(client), alerting(client)) == (1, 2)

        printed = romashka("acknowledge", id_, "--by", "ada", "--note", "[red]looking[/red]")
        assert "Handling: acknowledged by ada" in printed
        assert "ada: acknowledge: [red]looking[/red]" in printed
        shown_ = romashka("show", id_)
        assert "Timeline (UTC), money at risk: not known" in shown_
        assert "found as warning" in shown_
        romashka("assign", id_, "grace")
        assert [row["handling"] for row in shown(client)] == ["acknowledged by ada, assigned to grace"]
        assert (open_incidents(client), alerting(client)) == (1, 2), "who takes it does not end it"

        romashka("resolve", id_, "--verdict", "false_alarm", "--by", "grace", "--note", "a load test")
        assert shown(client) == []
        assert (open_incidents(client), alerting(client)) == (0, 0)
        with pytest.raises(RomashkaError, match=r"resolved \(by grace\); reopen it"):
            romashka("acknowledge", id_)
        assert "grace" in romashka("list", "--since", "1d")

        romashka("reopen", id_)
        assert [row["handling"] for row in shown(client)] == ["assigned to grace"]
        assert (open_incidents(client), alerting(client)) == (1, 2)
        history = responses_to(client, [warning.id])[warning.id]
        assert [one.action for one in history] == ["acknowledge", "assign", "resolve", "reopen"]
        audited = query_rows(client, "SELECT action, outcome FROM audit_log WHERE startsWith(action, 'insights')", {})
        assert sum(row["outcome"] == "ok" for row in audited) == 4
        assert sum(row["outcome"] == "failed" for row in audited) == 1


def test_what_is_snoozed_comes_back_when_it_is_over_or_has_become_critical(database: ClickHouseAddress) -> None:
    warning = found(severity="warning")
    sink = ClickHouseSink(database)
    sink.write("predictive_insights", insight_rows([warning]))
    until = datetime.now(UTC) + timedelta(hours=3)
    romashka("snooze", str(warning.id), "--until", f"{until:%Y-%m-%dT%H:%M}")
    with connect(database) as client:
        assert (shown(client), alerting(client)) == ([], 0)
        (state,) = handlings(client, [warning], until + timedelta(minutes=1)).values()
        assert state.status is ResponseStatus.OPEN
        graver = warning._replace(severity="critical", updated_at=BEGUN + timedelta(minutes=5))
        sink.write("predictive_insights", insight_rows([graver]))
        assert len(shown(client)) == 1
        assert alerting(client) == 2


def test_verdicts_give_the_precision_of_each_kind(database: ClickHouseAddress) -> None:
    ten = [found(severity="warning", integration_provider=f"p{n}") for n in range(10)]
    ClickHouseSink(database).write("predictive_insights", insight_rows(ten))
    for n, one in enumerate(ten):
        verdict = "real" if n < 6 else "false_alarm" if n < 8 else "known"
        romashka("resolve", str(one.id), "--verdict", "real")
        romashka("resolve", str(one.id), "--verdict", verdict)  # the last one counts
    romashka("reopen", str(ten[0].id))
    (row,) = json.loads(romashka("precision", "--format", "json"))
    assert (row["real"], row["false_alarms"], row["known"], row["kind"]) == (5, 2, 2, "provider_outage")
    assert row["precision"] == pytest.approx(5 / 7)
    assert row["low"] < 5 / 7 < row["high"]
    assert "71%" in romashka("precision")


def test_an_id_that_nothing_has_says_where_to_look(database: ClickHouseAddress) -> None:
    with pytest.raises(RomashkaError, match="no insight whose id begins with 'abcdef'"):
        romashka("acknowledge", "abcdef")
    with connect(database) as client:
        assert stored_insights(client, InsightFilter(tenant=UUID(int=5))) == []


def test_a_critical_finding_that_somebody_has_does_not_escalate_until_it_is_reopened(
    database: ClickHouseAddress,
) -> None:
    sink = ClickHouseSink(database)
    warning = found(severity="warning")
    sink.write("predictive_insights", insight_rows([warning]))
    id_ = str(warning.id)
    with connect(database) as client:
        romashka("acknowledge", id_)
        sink.write(
            "predictive_insights", insight_rows([warning._replace(severity="critical", updated_at=BEGUN + MINUTE)])
        )
        assert gravest(client) == 3, "it became critical after somebody took it"
        romashka("acknowledge", id_)
        assert gravest(client) == 2
        romashka("comment", id_, "still looking")
        assert gravest(client) == 2
        romashka("reopen", id_)
        assert gravest(client) == 3


def test_what_is_said_later_counts_though_a_clock_is_behind(database: ClickHouseAddress) -> None:
    """The clocks of two machines differ, or one was set back."""
    sink, now = ClickHouseSink(database), datetime.now(UTC)
    warning = found(severity="warning")
    critical = warning._replace(severity="critical", updated_at=BEGUN + MINUTE)
    sink.write("predictive_insights", insight_rows([critical]))
    with connect(database) as client:
        respond(client, warning, Reply(ResponseAction.ACKNOWLEDGE), "ada", now)
        for _ in range(2):
            handling, _ = respond(client, critical, Reply(ResponseAction.ACKNOWLEDGE), "ben", now - MINUTE)
        assert (handling.status, handling.actor) == (ResponseStatus.ACKNOWLEDGED, "ben")
        assert gravest(client) == 2
        assert len(responses_to(client, [warning.id])[warning.id]) == 2


def test_the_database_says_of_any_responses_what_the_model_says(database: ClickHouseAddress) -> None:
    """Tables and alerts ask ClickHouse, command line and API compute it: every pair of severities and responses."""
    now = datetime.now(UTC)
    replies = (
        Reply(ResponseAction.ACKNOWLEDGE),
        Reply(ResponseAction.SNOOZE, snoozed_until=now + timedelta(hours=2)),
        Reply(ResponseAction.SNOOZE, snoozed_until=now - timedelta(minutes=5)),
        Reply(ResponseAction.RESOLVE, verdict=ResponseVerdict.FALSE_ALARM),
        Reply(ResponseAction.REOPEN),
        Reply(ResponseAction.ASSIGN, assignee="grace"),
        Reply(ResponseAction.COMMENT, "seen"),
    )
    severities: tuple[Severity, ...] = ("warning", "critical")
    cases = list(product(severities, severities, replies, replies))
    insights, rows = [], []
    for number, (then, current, first, second) in enumerate(cases):
        one = found(severity=current, integration_provider=f"p{number}")
        insights.append(one)
        at = (BEGUN + MINUTE, BEGUN + 2 * MINUTE)
        rows += [
            response_to(one._replace(severity=then), reply, "ada", when)
            for reply, when in zip((first, second), at, strict=True)
        ]
    ClickHouseSink(database).write("predictive_insights", insight_rows(insights))
    with connect(database) as client:
        insert_rows(client, "insight_responses", Response._fields, rows)
        dialect = Bound(Scope(now - timedelta(days=1), now, ALL_TENANTS))
        sql = (
            f"SELECT i.id AS id, {handling('i', dialect)} AS said, {not_set_aside('i', dialect)} AS needs, "
            f"{is_acknowledged('i', dialect)} AS acknowledged FROM predictive_insights AS i FINAL "
            f"{handling_join('i', dialect)}"
        )
        stored = {row["id"]: row for row in query_rows(client, sql, dialect.parameters)}
        modelled = handlings(client, insights, now)
    assert len(stored) == len(cases) == 4 * len(replies) ** 2
    for one in insights:
        state, row = modelled[one.id], stored[one.id]
        words = [f"{state.status} by ada"] if state.since else []
        assert row["said"].startswith(" ".join(words)), (state, row)
        assert bool(row["said"]) is bool(words or state.assignee), (state, row)
        assert row["said"].endswith("assigned to grace") is bool(state.assignee), (state, row)
        assert bool(row["needs"]) is (state.status in {ResponseStatus.OPEN, ResponseStatus.ACKNOWLEDGED}), (state, row)
        if one.severity == "critical":
            assert bool(row["acknowledged"]) is (state.status is ResponseStatus.ACKNOWLEDGED), (state, row)
