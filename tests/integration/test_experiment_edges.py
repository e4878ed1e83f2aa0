"""Experiments at their edges: odd names, arms that nobody planned, nothing that varies, ranges without anybody."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from cli.commands import experiment as command
from cli.settings import settings
from jobs.roll_ups import refresh as roll_up
from kpis.analyses.catalogue import ANALYSES
from kpis.experiments.assignment import MISMATCH
from kpis.experiments.design import ExperimentPlan
from models.errors import InvalidRequest
from models.topics import OUTCOMES
from simulator.rows import Message
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.experiment_store import read_experiment, save_plan
from storage.reading import query_rows
from tests.business_stack import store
from tests.experiment_lab import NOW, SCOPE, SHOP, START, labelled
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack
_LATER = (START + timedelta(days=3, hours=3)).isoformat()
_ODD = "[/b] <i>.. \u202e'\"{x:String}/"


def _events(experiment: str, *arms: str, mixed: int = 0) -> list[Message]:
    """Return 120 conversations over the arms, of which each ``mixed``-th is seen in another one later."""
    made = []
    for number in range(120):
        id_, arm = str(uuid.uuid4()), arms[number % len(arms)]
        of = {"experiment": experiment, "conversation_id": id_}
        rated = {**of, "arm": arm, "outcome_type": "resolved", "integration_data_used": True}
        made.append((OUTCOMES.name, *labelled({**rated, "customer_satisfaction_score": 5})[1:]))
        if mixed and number % mixed == 0:
            other = arms[(number + 1) % len(arms)]
            made.append(labelled({**of, "arm": other, "created_at": _LATER}))
    return made


def _drifting() -> list[Message]:
    """Return six days whose shares are a tenth and nine tenths in turn: half and half over all."""
    made = []
    for day in range(6):
        at = (START + timedelta(days=day, hours=2)).isoformat()
        for number in range(60):
            arm = "with" if (number % 10 == 0) == (day % 2 == 0) else "without"
            made.append(labelled({"experiment": "drifting", "arm": arm, "created_at": at}))
    return made


@pytest.fixture(scope="module")
def address(spare_databases: SpareDatabases) -> Iterator[ClickHouseAddress]:
    lent = spare_databases.lend()
    halves = {"with": 0.5, "without": 0.5}
    store(
        ClickHouseSink(lent),
        [
            *_events("unplanned", "with", "without", "other"),
            *_events("mixed", "with", "without", mixed=4),
            *_events("as planned", "with", "without", mixed=30),
            *_events("alone", "with"),
            *_drifting(),
            *_events(_ODD, _ODD, "off"),
            *(labelled({"experiment": f"small {number}", "arm": "a"}) for number in range(10)),
        ],
    )
    with connect(lent) as client:
        roll_up(client)
        for name in ("unplanned", "mixed", "as planned", "alone", "drifting"):
            save_plan(client, SHOP.id, ExperimentPlan(name, "without", halves, "durable_resolution", 0.02, 4_000), NOW)
    yield lent
    spare_databases.take_back(lent)


@pytest.fixture
def client(address: ClickHouseAddress) -> Iterator[Client]:
    with connect(address) as connected:
        yield connected


def test_the_panel_trusts_no_experiment_that_the_command_does_not(client: Client) -> None:
    rows = query_rows(client, *ANALYSES["lift"].query(SCOPE))
    notes = {row["experiment"]: row["note"] for row in rows if row["basis"] == "causal"}
    for name in ("unplanned", "mixed", "as planned", "alone", "drifting", _ODD):
        is_off = read_experiment(client, SCOPE, name)[0].assignment.is_off
        assert (notes[name] == "do not trust: assignment is off") == is_off, name
        assert is_off == (name in {"unplanned", "mixed", "alone", "drifting"})
    check = read_experiment(client, SCOPE, "drifting")[0].assignment
    assert check.counts == {"with": 180, "without": 180}
    assert check.p is not None
    assert check.p > MISMATCH, "over all, and at the end of every day so far, the shares are as planned"
    assert check.problem.startswith("the shares of the arms differ by day or tenant, for example on 2026-03-0")


def test_the_panel_has_no_interval_where_nothing_varies(client: Client) -> None:
    rows = query_rows(client, *ANALYSES["lift"].query(SCOPE))
    [panel] = [row for row in rows if (row["experiment"], row["metric"]) == ("as planned", "csat")]
    found, _ = read_experiment(client, SCOPE, "as planned")
    [shown] = [one for one in found.effects if one.metric.id == "csat"]
    assert shown.verdict == "not yet clear: everybody has the same value"
    assert (panel["difference"], panel["low"], panel["high"]) == (0, None, None)


def test_before_its_first_day_an_experiment_has_nobody(client: Client) -> None:
    early = replace(SCOPE, start=START - timedelta(days=400), end=START - timedelta(days=400))
    found, _ = read_experiment(client, early, _ODD)
    assert found.verdict.startswith("not yet clear: no conversation was seen")


def test_an_unknown_name_is_told_a_few_of_those_that_are_there(client: Client) -> None:
    with pytest.raises(InvalidRequest, match=r"there are: .* and 6 more$") as refusal:
        read_experiment(client, SCOPE, "none")
    assert str(refusal.value).count(", ") == 9


def test_the_command_prints_names_of_strangers_as_text_and_times_in_the_zone(
    address: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", address.database)
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()

    def ask(*arguments: str) -> Any:
        return CliRunner().invoke(command.app, arguments, catch_exceptions=False)

    shown = ask("show", _ODD, "--to", "2026-03-20T05:45", "--time-zone", "Asia/Kathmandu", "--all", "--by-day")
    listed = ask("list")
    settings.cache_clear()
    assert (shown.exit_code, listed.exit_code) == (0, 0)
    assert "up to 2026-03-20 05:45 Asia/Kathmandu" in shown.stdout
    for text in (shown.stdout, listed.stdout):
        assert "[/b] <i>.. \\u202e'\"{x:String}/" in text
        assert "\u202e" not in text
