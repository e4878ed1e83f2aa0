"""Every statement of the product gives the same rows through two shards as on one server, and so do the jobs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import pytest
from clickhouse_connect.driver.client import Client

from jobs.business_impact import refresh as refresh_impact
from jobs.roll_ups import refresh
from kpis.scope import ALL_TENANTS, Interval, Scope
from kpis.settings_model import SETTINGS, new_entry
from models.insights import Insight
from models.query import Query
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from sinks.migrations import migrate
from storage.access_rights import ROLES
from storage.connection import ClickHouseAddress, connect
from storage.leases import Lease, LeaseLost, fenced_insert, leased
from storage.privacy import Erasure, PrivacyStore
from storage.reading import query_rows
from storage.tenant_names import save_name
from storage.tenant_settings import save
from storage.topology import LOCAL
from tests import statements
from tests.examples.insights import insight
from tests.loading import Loader
from tests.two_shards import migrated, sharded_tables, two_shards

pytestmark = [pytest.mark.stack, pytest.mark.long]

NOW: Final = datetime.now(UTC).replace(microsecond=0)
SPAN: Final = timedelta(days=2)
TENANTS: Final = DEFAULT_TENANTS[:6]
SCOPE: Final = Scope(NOW - SPAN, NOW, ALL_TENANTS, as_of=NOW)
ONE: Final = Scope(NOW - SPAN, NOW, TENANTS[0].id, as_of=NOW)
_SERVER_LOG: Final = "system.query_log"
# Of tables as they are stored: versions, and when a row was written, are those of the run.
_TRIES: Final = 4
_OF_THE_RUN: Final = ("version", "touched_at", "first_seen")


class Both(NamedTuple):
    """The same events on one server and on two shards."""

    plain: Client
    sharded: Client


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    scenario = Scenario(
        seed=5, start=NOW - SPAN, end=NOW, tenants=TENANTS, rate=rate_for(4_000, SPAN, TENANTS), incidents_per_day=1
    )
    messages = [message for part in scenario.history() for message in part]
    folder: Path = tmp_path_factory.mktemp("shards")
    with two_shards(folder) as database:
        plain = ClickHouseAddress(database.url, "plain")
        migrate(plain)
        sharded = migrated(database.url)
        for address in (plain, sharded):
            Loader(ClickHouseSink(address), NOW).load(messages)
            Loader(ClickHouseSink(address), NOW).load(messages[: len(messages) // 4])  # a repeat, as after a restart
            ClickHouseSink(address).write("predictive_insights", insight_rows(_findings()))
            with connect(address, answer_seconds=300) as client:
                _add_settings(client)
                refresh(client)
                refresh_impact(client, NOW)
        with connect(plain) as first, connect(sharded) as second:
            yield Both(first, second)


def _findings() -> list[Insight]:
    """Findings of every tenant, and of all tenants together, whose members are theirs."""
    types = ("performance_anomaly", "kpi_change", "churn_risk", "upsell_opportunity", "integration_need")
    singles = [
        insight(
            id=uuid5(tenant.id, type_),
            user_id=tenant.id,
            insight_type=type_,
            kind="churn_wave" if type_ == "churn_risk" else "errors",
            started_at=NOW - timedelta(hours=place + 1),
            updated_at=NOW - timedelta(minutes=place),
        )
        for place, tenant in enumerate(TENANTS)
        for type_ in types
    ]
    everybody = UUID(int=0)
    group = insight(id=uuid5(everybody, "group"), user_id=everybody, kind="provider_outage", updated_at=NOW)
    return [*singles, group._replace(members=tuple(one.id for one in singles))]


def _add_settings(client: Client) -> None:
    for number, tenant in enumerate(TENANTS):
        save_name(client, tenant.id, f"Tenant {number}", NOW)
        for name, one in SETTINGS.items():
            value = "USD" if one.kind == "currency" else one.choices[0] if one.choices else str(number + 2)
            save(client, new_entry(tenant.id, name, value, date(2020, 1, 1), NOW))


def rows_of(client: Client, query: Query, without: Sequence[str] = ()) -> list[str]:
    rows = query_rows(client, query.sql, query.parameters)
    return sorted(repr([_rounded(row[name]) for name in row if name not in without]) for row in rows)


def _rounded(value: Any) -> Any:
    """Sums of floats depend on the order in which shards answer."""
    if isinstance(value, float):
        return value if math.isnan(value) or math.isinf(value) else float(f"{value:.9g}")
    if isinstance(value, Decimal):
        return value.normalize()
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value


def differing(both: Both, asked: Mapping[str, Query]) -> list[str]:
    found = []
    for name, query in asked.items():
        if _SERVER_LOG in query.sql:
            continue
        # Again, where the time of asking is in the answer: a second may pass between the two.
        if not any(rows_of(both.plain, query) == rows_of(both.sharded, query) for _ in range(_TRIES)):
            found.append(f"{name}: {query.sql[:300]}")
    return found


def test_rows_are_on_both_shards_and_no_shard_has_them_all(both: Both) -> None:
    counts = "SELECT shardNum() AS shard, count() AS rows FROM integration_query_metrics GROUP BY shard ORDER BY shard"
    first, second = query_rows(both.sharded, counts, {})
    assert (first["shard"], second["shard"]) == (1, 2)
    assert query_rows(both.sharded, f"SELECT count() AS rows FROM integration_query_metrics{LOCAL}", {}) == [
        {"rows": 0}
    ]


@pytest.mark.parametrize("table", sorted(sharded_tables()))
def test_the_same_rows_are_stored(both: Both, table: str) -> None:
    if table in {"touched_conversations"}:
        pytest.skip("a list of notes, as many as there were inserts")
    final = "FINAL" if "Replacing" in _engine(both.plain, table) else ""
    query = Query(f"SELECT * FROM {table} {final}", {})
    assert rows_of(both.plain, query, _OF_THE_RUN) == rows_of(both.sharded, query, _OF_THE_RUN)


def _engine(client: Client, table: str) -> str:
    found = query_rows(
        client, "SELECT engine FROM system.tables WHERE database = 'plain' AND name = {t:String}", {"t": table}
    )
    return str(found[0]["engine"])


def test_panels_variables_annotations_and_alerts(both: Both) -> None:
    asked = {sql[:80]: Query(sql, {}) for role in ROLES for sql in statements.of_dashboards(role, NOW - SPAN, NOW)}
    asked |= {sql: Query(sql, {}) for sql in statements.of_alerts(NOW - SPAN, NOW)}
    assert len(asked) > 30
    assert differing(both, asked) == []


@pytest.mark.parametrize("scope", [SCOPE, ONE], ids=["all tenants", "one tenant"])
def test_figures_analyses_and_reports(both: Both, scope: Scope) -> None:
    asked = dict(statements.of_figures_once(scope)) | dict(statements.of_analyses(scope))
    asked["hours"] = statements.figures(scope, None, Interval.HOUR, ["query_count", "conversation_count"])
    if scope is ONE:
        asked |= dict(statements.of_reports(scope, NOW))
    assert len(asked) > 20
    assert differing(both, asked) == []


def _overtaken(client: Client, work: Callable[[Lease], None]) -> None:
    """Do the work of a run after a later one of the same job has begun."""

    def run() -> None:
        with leased(client, "overtaken") as lease:
            with leased(client, "overtaken"):
                pass
            work(lease)

    with pytest.raises(LeaseLost):
        run()


def test_a_fenced_job_writes_through_the_shards(both: Both) -> None:
    columns = ("user_id", "display_name", "entered_at")
    rows = [(tenant.id, f"Fenced {number}", NOW + SPAN) for number, tenant in enumerate(TENANTS)]
    with leased(both.sharded, "names") as lease:
        fenced_insert(both.sharded, lease, "tenant_names", columns, rows)
    names = "SELECT count() AS n FROM tenant_names FINAL WHERE startsWith(display_name, 'Fenced')"
    assert query_rows(both.sharded, names, {}) == [{"n": len(TENANTS)}]
    late = [(UUID(int=5), "Fenced too late", NOW)]
    _overtaken(both.sharded, lambda lease: fenced_insert(both.sharded, lease, "tenant_names", columns, late))
    assert query_rows(both.sharded, names, {}) == [{"n": len(TENANTS)}]


def test_pseudonyms_are_replaced_and_a_tenant_is_erased_on_every_shard(both: Both) -> None:
    """The last test: it changes the rows."""
    store = PrivacyStore(both.sharded)
    from_table = "FROM conversation_outcomes FINAL WHERE user_id = {t:UUID}"
    count = f"SELECT count() AS rows, uniq(customer_id) AS customers {from_table}"
    asked = {"t": str(TENANTS[1].id)}
    (before,) = query_rows(both.sharded, count, asked)
    customers = "SELECT DISTINCT customer_id FROM conversation_outcomes WHERE user_id = {t:UUID} AND customer_id != ''"
    old = [row["customer_id"] for row in query_rows(both.sharded, customers, asked)]
    mapping = {(TENANTS[1].id, one): f"new.{one}" for one in old}
    _overtaken(both.sharded, lambda _: store.replace(mapping))
    assert {row["customer_id"] for row in query_rows(both.sharded, customers, asked)} == set(old)
    with leased(both.sharded, "re-keying"):
        store.replace(mapping)
    assert query_rows(both.sharded, count, asked) == [before]
    assert {row["customer_id"] for row in query_rows(both.sharded, customers, asked)} == {f"new.{one}" for one in old}
    store.erase(Erasure(UUID(int=1), TENANTS[1].id, True, (), "", NOW + SPAN, NOW + 2 * SPAN))
    assert query_rows(both.sharded, count, asked) == [{"rows": 0, "customers": 0}]
    assert query_rows(both.plain, count, asked) == [before]
    (others,) = query_rows(both.sharded, "SELECT uniq(user_id) AS tenants FROM conversation_outcomes", {})
    assert others == {"tenants": len(TENANTS) - 1}
