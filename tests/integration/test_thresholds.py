"""Thresholds by verdicts on the real tables: proposed, made by the job, read by the worker's store, and taken back."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from cli.main import app
from detectors.thresholds import Goals
from jobs.thresholds import threshold_job
from models.errors import RomashkaError
from models.insights import Insight
from models.responses import Reply, ResponseAction, ResponseVerdict, response_to
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from sinks.memory import MemorySink
from sinks.memory_detectors import MemoryDetectors
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.response_store import add_responses
from storage.threshold_store import stored_thresholds
from tests.examples.insights import TENANT, insight
from tests.worker_process import SECRET

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("settings_of_database", "secret")]

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROMASHKA_PSEUDONYM_KEY", base64.b64encode(SECRET).decode())
    monkeypatch.setenv("ROMASHKA_AUDIT_HEADS", str(tmp_path / "heads"))


def romashka(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["thresholds", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def noisy(client: Client, database: ClickHouseAddress) -> None:
    """Write four weeks of a tenant whose errors are mostly false alarms, with verdicts on two of three."""
    found: list[Insight] = [
        insight(
            kind="error_burst",
            severity="warning",
            status="closed",
            started_at=NOW - n * DAY,
            ended_at=NOW - n * DAY + timedelta(minutes=20),
            updated_at=NOW - n * DAY + timedelta(minutes=20),
            integration_provider=provider,
        )
        for n in range(1, 27)
        for provider in ("hubspot", "zendesk")
    ]
    ClickHouseSink(database).write("predictive_insights", insight_rows(found))
    verdicts = (ResponseVerdict.FALSE_ALARM, ResponseVerdict.FALSE_ALARM, None)
    replies = [
        response_to(one, Reply(ResponseAction.RESOLVE, verdict=verdict), "ada", one.started_at + timedelta(hours=1))
        for n, one in enumerate(found)
        if (verdict := verdicts[n % 3]) is not None
    ]
    add_responses(client, replies)
    hours = ", ".join(f"(toUUID('{TENANT}'), 'hubspot', 'orders', now() - INTERVAL {n} DAY)" for n in range(1, 28))
    client.command(f"INSERT INTO query_hours (user_id, integration_provider, query_type, hour_start) VALUES {hours}")


def test_verdicts_lead_to_a_threshold_that_the_worker_reads_and_somebody_takes_back(
    database: ClickHouseAddress,
) -> None:
    assert "has the threshold that it ships with" in romashka("list")
    store = ClickHouseDetectors(database)
    with connect(database) as client:
        noisy(client, database)
        (proposed,) = json.loads(romashka("propose", "--format", "json"))
        assert (proposed["detector"], proposed["old"], proposed["real"]) == ("errors", 5.4, 0)
        assert proposed["new"] == pytest.approx(6.9)
        assert store.thresholds().changes == (), "propose changes nothing"

        job = threshold_job(lambda: MemoryDetectors(MemorySink()), Goals(1.0, 0.9), SECRET)
        for _ in range(2):
            job.once(client, NOW)
        (made,) = stored_thresholds(client)
        assert (made.value, made.old_value, made.version, made.actor) == (6.9, 5.4, 1, "verdicts")
        assert made.false_alarms > made.real == 0
        assert made.rate_low > made.budget == 1.0
        assert "false alarms a week" in made.reason
        (change,) = store.thresholds().changes
        assert (change.user_id, change.detector, change.value) == (TENANT, "errors", 6.9)
        assert change.effective_from == made.effective_from > NOW

        assert "6.9" in romashka("list")
        romashka("set", "errors", "7", "--tenant", str(TENANT), "--by", "ada", "--note", "a test shop")
        romashka("revert", "errors", "--tenant", str(TENANT), "--version", "1", "--by", "ada")
        shown: list[dict[str, Any]] = json.loads(
            romashka("show", "errors", "--tenant", str(TENANT), "--format", "json")
        )
        assert [(one["version"], one["value"], one["actor"]) for one in shown] == [
            (1, 6.9, "verdicts"),
            (2, 7.0, "ada"),
            (3, 6.9, "ada"),
        ]
        assert shown[2]["reason"] == "reverted to version 1"
        romashka("revert", "errors", "--tenant", str(TENANT))
        assert store.thresholds().at(TENANT, NOW + DAY)["errors"] == 5.4
        audited = query_rows(
            client, "SELECT actor, action FROM audit_log WHERE startsWith(action, 'thresholds') AND outcome = 'ok'", {}
        )
    assert sorted((row["actor"] == "verdicts", row["action"]) for row in audited) == [
        (False, "thresholds.revert"),
        (False, "thresholds.revert"),
        (False, "thresholds.set"),
        (True, "thresholds.set"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "errors", "99", "--all-tenants"), "expected 4.59 to 10.26"),
        *((("set", "errors", value, "--all-tenants"), "expected 4.59 to 10.26") for value in ("nan", "inf", "1e999")),
        (("set", "error", "5", "--all-tenants"), "expected one of errors"),
        (("set", "errors", "6", "--all-tenants", "--note", "x" * 1_001), "expected at most 1,000 characters"),
        (("set", "errors", "6", "--tenant", str(UUID(int=0))), "stands for no id"),
        (("set", "errors", "6"), "name one tenant"),
        (("revert", "errors", "--all-tenants", "--version", "7"), "expected one of those"),
    ],
)
def test_a_wrong_threshold_is_refused_and_nothing_is_stored(
    database: ClickHouseAddress, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RomashkaError, match=message):
        romashka(*arguments)
    with connect(database) as client:
        assert stored_thresholds(client) == []
        assert query_rows(client, "SELECT details FROM audit_log WHERE NOT isValidJSON(details)", {}) == []


def test_a_threshold_of_a_tenant_that_never_sent_anything_is_stored_and_said(database: ClickHouseAddress) -> None:
    assert "no event of 00000000-0000-0000-0000-000000000007" in romashka(
        "set", "errors", "6", "--tenant", str(UUID(int=7)), "--by", "ada\x1b[31m"
    )
    with connect(database) as client:
        assert [one.actor for one in stored_thresholds(client)] == ["ada [31m"]
