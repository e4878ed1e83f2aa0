"""A server's tables are moved to two shards, interrupted at every step, and programs wait until the counts agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from cli.commands.migrate import migrate as command
from cli.settings import settings
from jobs.roll_ups import refresh
from kpis.query import ALL_TENANTS, Scope, build_query
from models.errors import RomashkaError, SchemaMismatch, SettingsError
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.migrations import create_moves, migrate, require_current
from storage.cluster_move import ClusterMove, OldServer, Step
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.writing import insert_rows
from tests.loading import Loader
from tests.two_shards import TOPOLOGY, migrated, two_shards

pytestmark = [pytest.mark.stack, pytest.mark.long]

NOW: Final = datetime.now(UTC).replace(microsecond=0)
SPAN: Final = timedelta(days=3)
TENANTS: Final = DEFAULT_TENANTS[:5]
FIGURES: Final = (
    "query_count",
    "query_success_rate",
    "conversation_count",
    "csat",
    "value_generated",
    "latency_p95_ms",
)


class Interrupted(Exception):
    """What ends the program in the middle."""


class Places:
    """The old database and the new one, on one engine."""

    def __init__(self, old: ClickHouseAddress, new: ClickHouseAddress) -> None:
        self.old = old
        self.new = new

    def move_until(self, client: Client, stop: int, source: OldServer) -> bool:
        """Move until a number of things happened; return whether it came to the end."""
        seen = 0

        def told(step: Step, what: str) -> None:
            nonlocal seen
            seen += 1
            if seen == stop:
                raise Interrupted(f"{step.table} {what}")

        try:
            ClusterMove(client, TOPOLOGY.cluster, source, told).run(lambda: datetime.now(UTC))
        except Interrupted:
            return False
        return True


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    scenario = Scenario(
        seed=9, start=NOW - SPAN, end=NOW, tenants=TENANTS, rate=rate_for(7_000, SPAN, TENANTS), incidents_per_day=1
    )
    messages = [message for part in scenario.history() for message in part]
    with two_shards(tmp_path_factory.mktemp("shards")) as database:
        old = ClickHouseAddress(database.url, "old")
        migrate(old)
        Loader(ClickHouseSink(old), NOW).load(messages)
        with connect(old, answer_seconds=300) as client:
            refresh(client)
            audit = ("sequence", "happened_at", "actor", "action", "object", "outcome", "details")
            rows = [(number, NOW, "a", "b", "c", "ok", "{}") for number in range(40)]
            insert_rows(client, "audit_log", audit, rows)
            deliveries = (
                "user_id",
                "schedule_id",
                "period_start",
                "recipient_key",
                "attempt",
                "state",
                "token",
                "happened_at",
            )
            sent = [(one.id, UUID(int=1), NOW, "r", 1, "sent", UUID(int=2), NOW) for one in TENANTS]
            insert_rows(client, "report_deliveries", deliveries, sent)
        new = migrated(database.url)
        create_moves(new, replicated=False)
        yield Places(old, new)


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["over the network", "on the same server"])
def test_a_move_that_is_interrupted_at_every_step_ends_with_equal_counts_and_figures(places: Places, host: str) -> None:
    source = OldServer(places.old.database, host)
    with connect(places.new, answer_seconds=300) as client:
        client.command("TRUNCATE TABLE cluster_moves")
        first = ClusterMove(client, TOPOLOGY.cluster, source).plan()
        assert {step.how for step in first} == ({"copy"} if host else {"attach", "copy"})
        with pytest.raises(RomashkaError, match="not moved yet"):
            ClusterMove(client, TOPOLOGY.cluster, source).complete(NOW)
        # Each run gets to the second note of the step before it: a row was copied and is not noted, then it is.
        runs = 0
        while not places.move_until(client, 2 + runs % 3, source):
            runs += 1
            assert runs < 400
        assert runs >= len(first) // 2
        move = ClusterMove(client, TOPOLOGY.cluster, source)
        assert move.plan() == []
        assert move.differences() == []
        if host:
            with pytest.raises(SchemaMismatch, match="is not complete"):
                require_current(places.new)
        move.complete(datetime.now(UTC))
        require_current(places.new)
        refresh(client)
        scope = Scope(NOW - SPAN, NOW, ALL_TENANTS, as_of=NOW)
        with connect(places.old) as before:
            asked = build_query(list(FIGURES), scope)
            assert query_rows(client, asked.sql, asked.parameters) == query_rows(before, asked.sql, asked.parameters)


def test_what_is_written_to_the_old_server_meanwhile_is_moved_by_the_next_run(places: Places) -> None:
    source = OldServer(places.old.database, "127.0.0.1")
    with connect(places.new, answer_seconds=300) as client, connect(places.old) as before:
        ClusterMove(client, TOPOLOGY.cluster, source).run(lambda: datetime.now(UTC))
        insert_rows(before, "tenant_names", ("user_id", "display_name", "entered_at"), [(TENANTS[0].id, "Late", NOW)])
        insert_rows(before, "audit_log", ("sequence", "actor"), [(41, "late")])
        move = ClusterMove(client, TOPOLOGY.cluster, source)
        assert {step.table for step in move.plan()} == {"tenant_names", "audit_log"}
        assert {one.table for one in move.differences()} == {"tenant_names", "audit_log"}
        with pytest.raises(RomashkaError, match="stop the workers"):
            move.complete(NOW)
        move.run(lambda: datetime.now(UTC))
        assert move.differences() == []
        # A row that is only here is seen too: nothing is switched over it.
        insert_rows(client, "tenant_names", ("user_id", "display_name", "entered_at"), [(UUID(int=9), "Stray", NOW)])
        with pytest.raises(RomashkaError, match=r"tenant_names .*: 0 and 1"):
            move.complete(NOW)


def test_the_command_prints_the_plan_moves_and_says_how_to_switch(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "URL": places.new.url,
        "DATABASE": places.new.database,
        "CLUSTER": TOPOLOGY.cluster,
        "INSERT_QUORUM": "0",
    }.items():
        monkeypatch.setenv(f"ROMASHKA_CLICKHOUSE_{name}", value)
    settings.cache_clear()
    try:
        with connect(places.new) as client:
            client.command("TRUNCATE TABLE cluster_moves")
            client.command("ALTER TABLE tenant_names_local DELETE WHERE 1 SETTINGS mutations_sync = 2")
        command(to_cluster=True, source_database=places.old.database, dry_run=True)
        assert "tenant_names" in capsys.readouterr().out
        command(to_cluster=True, source_database=places.old.database)
        said = capsys.readouterr().out
        assert "the counts agree" in said
        assert f"ROMASHKA_CLICKHOUSE_CLUSTER={TOPOLOGY.cluster}" in said
        command(to_cluster=True, source_database=places.old.database)
        assert "0 partitions moved" in capsys.readouterr().out
    finally:
        settings.cache_clear()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dry_run": True}, "belong to --to-cluster"),
        ({"source_database": "x"}, "belong to --to-cluster"),
        ({"to_cluster": True, "source_database": "x"}, "needs ROMASHKA_CLICKHOUSE_CLUSTER"),
    ],
)
def test_options_without_what_they_need_are_refused(options: dict[str, Any], said: str) -> None:
    settings.cache_clear()
    with pytest.raises(SettingsError, match=said):
        command(**options)
