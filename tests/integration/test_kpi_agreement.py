"""Registry, SQL, command line and panels agree: every figure, asked in every way, gives the same number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.kpi import Aggregate, Kpi
from kpis.query import ALL_TENANTS, Interval, Scope, build_query, columns_of, select
from kpis.registry import ALL
from kpis.scope import AllTenants
from kpis.sql.dialect import Grafana
from kpis.statistics import wilson
from models.topics import OUTCOMES, QUERIES
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from streams.kafka import KafkaAddress
from tests.examples.events import message
from tests.loading import Loader
from tests.worker_process import environment, romashka

pytestmark = [pytest.mark.stack, pytest.mark.long]

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
TENANT = UUID("5d0c7e5e-55a5-4b9c-8a55-1c2d3e4f5a6b")  # of tests/examples/events.py
AT = NOW - timedelta(hours=5)
DAY = (NOW - timedelta(days=1), NOW)
EVIL = (
    "' OR 1=1 --",
    "\\' OR 1=1 --",
    "\\",
    "all' OR 'a'='a",
    "${tenant}",
)


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def single(database: ClickHouseAddress, client: Client) -> Client:
    """A database with one query and one conversation."""
    Loader(ClickHouseSink(database), NOW).load(
        [
            (QUERIES.name, b"", message(QUERIES, created_at=AT.isoformat(), country="DE", data_freshness_hours=2.0)),
            (OUTCOMES.name, b"", message(OUTCOMES, created_at=AT.isoformat(), handled_by="ai")),
        ]
    )
    refresh(client)
    return client


def test_every_figure_can_be_split_by_everything_it_says(client: Client) -> None:
    scope = Scope(*DAY, TENANT, time_zone="Asia/Kolkata")
    for id_, kpi in ALL.items():
        assert query_rows(client, *build_query([id_], scope, list(kpi.dimensions), Interval.DAY)) == [], id_


def test_an_empty_range_has_counts_of_nothing_and_no_shares(client: Client) -> None:
    (row,) = query_rows(client, *build_query(list(ALL), Scope(NOW, NOW, TENANT)))
    assert list(row) == [name for kpi in ALL.values() for name in columns_of(kpi)]
    for id_, kpi in ALL.items():
        assert row[f"{id_}_n"] == 0, id_
        if kpi.unit.value == "count":
            assert row[id_] == 0, id_
        elif kpi.unit.value != "money":
            assert row[id_] is None, id_


def test_a_single_event_is_counted_and_said_to_be_too_little(
    single: Client, kafka: KafkaAddress, database: ClickHouseAddress
) -> None:
    (row,) = query_rows(
        single, *build_query(["query_count", "query_success_rate", "durable_resolution_rate"], Scope(*DAY, TENANT))
    )
    assert (row["query_count"], row["query_success_rate"], row["durable_resolution_rate"]) == (1, 1.0, 1.0)
    bounds = (row["query_success_rate_low"], row["query_success_rate_high"])
    assert bounds == pytest.approx(tuple(wilson(1, 1)))
    printed = romashka(environment(kafka, database, "g"), "kpi", "get", "query_success_rate", "--tenant", str(TENANT))
    assert "too little data (n=1, needs 30)" in printed


def test_the_command_line_gives_what_the_query_layer_gives_for_every_figure(
    single: Client, kafka: KafkaAddress, database: ClickHouseAddress
) -> None:
    env = environment(kafka, database, "g")
    begin, until = (moment.isoformat() for moment in DAY)
    printed = romashka(
        env, "kpi", "get", *ALL, "--tenant", str(TENANT), "--from", begin, "--to", until, "--format", "json"
    )
    rows = json.loads(printed)
    (expected,) = query_rows(single, *build_query(list(ALL), Scope(*DAY, TENANT)))
    assert [row["id"] for row in rows] == list(ALL)
    for row in rows:
        kpi = ALL[row["id"]]
        assert (row["version"], row["unit"]) == (kpi.version, kpi.unit.value)
        assert row["n"] == expected[f"{kpi.id}_n"]
        value = expected[kpi.id]
        assert row["value"] == (value if isinstance(value, int | float | None) else str(value)), kpi.id
    listed = json.loads(romashka(env, "kpi", "list", "--format", "json"))
    assert [row["id"] for row in listed] == list(ALL)


def expanded(sql: str, **variables: str) -> str:
    """What Grafana sends: macros and percent-encoded variables filled in, the range being the last day."""
    for macro, moment in zip(("$__fromTime", "$__toTime"), DAY, strict=True):
        sql = sql.replace(macro, f"toDateTime({int(moment.timestamp())})")
    return re.sub(r"\$\{(\w+):percentencode\}", lambda found: quote(variables[found[1]], safe=""), sql)


@pytest.mark.parametrize(("chosen", "tenant"), [(str(TENANT), TENANT), ("all", ALL_TENANTS)])
def test_a_panel_gives_what_the_query_layer_gives(single: Client, chosen: str, tenant: UUID | AllTenants) -> None:
    one_of_each = {_source(kpi): id_ for id_, kpi in ALL.items()}.values()
    for id_ in one_of_each:
        panel = query_rows(single, expanded(select([id_], Grafana(("tenant",))), tenant=chosen), {})
        assert panel == query_rows(single, *build_query([id_], Scope(*DAY, tenant))), id_


def _source(kpi: Kpi) -> str:
    return kpi.computed.source.name if isinstance(kpi.computed, Aggregate) else kpi.id


@pytest.mark.parametrize(
    ("provider", "counted"),
    [("all", 1), ("{all}", 1), ("hubspot", 1), ("{shopify,hubspot}", 1), ("shopify", 0), ("{shopify,jira}", 0)],
)
def test_a_panel_takes_several_providers_at_once(single: Client, provider: str, counted: int) -> None:
    sql = select(["query_count"], Grafana(("tenant", "provider")))
    assert query_rows(single, expanded(sql, tenant=str(TENANT), provider=provider), {})[0]["query_count"] == counted


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_that_a_viewer_enters_leaves_its_literal(single: Client, evil: str) -> None:
    sql = select(["query_count"], Grafana(("tenant", "provider")))
    for variables in ({"tenant": evil, "provider": "all"}, {"tenant": str(TENANT), "provider": evil}):
        assert query_rows(single, expanded(sql, **variables), {})[0]["query_count"] == 0


def test_a_tenant_without_settings_is_told_what_is_missing(single: Client) -> None:
    (row,) = query_rows(single, *build_query(["gross_savings", "net_savings", "roi"], Scope(*DAY, TENANT)))
    for id_ in ("gross_savings", "net_savings", "roi"):
        assert row[id_] is None
        assert "romashka tenant settings set" in row[f"{id_}_note"]
