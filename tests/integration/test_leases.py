"""A run of a job that slept while another one ran changes nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from storage.connection import ClickHouseAddress, connect
from storage.leases import LeaseLost, fenced_insert, leased
from storage.writing import insert_rows

pytestmark = pytest.mark.stack

_AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
_COLUMNS = ("model", "user_id", "customer_id", "scored_at", "probability", "prior", "started_at")


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as found:
        yield found


def _row(customer: str, **changes: Any) -> list[Any]:
    row = {"model": "churn", "user_id": UUID(int=7), "customer_id": customer, "scored_at": datetime.now(UTC)}
    return list((row | {"probability": 0.25, "prior": 1e-3, "started_at": None} | changes).values())


def _customers(client: Client) -> set[str]:
    return {row[0] for row in client.query("SELECT customer_id FROM customer_scores").result_rows}


def test_a_run_that_slept_while_a_later_one_began_stores_nothing_more(client: Client) -> None:
    with pytest.raises(LeaseLost, match="another run of job churn"):
        _sleep_between_two_writes(client)
    assert _customers(client) == {"first"}


def _sleep_between_two_writes(client: Client) -> None:
    with leased(client, "churn"):
        insert_rows(client, "customer_scores", _COLUMNS, [_row("first")])
        with leased(client, "churn"), leased(client, "upsell"):
            pass
        insert_rows(client, "customer_scores", _COLUMNS, [_row("late")])


def test_a_run_that_wrote_nothing_after_it_slept_is_told_at_its_end(client: Client) -> None:
    with pytest.raises(LeaseLost), leased(client, "churn"), leased(client, "churn"):
        insert_rows(client, "customer_scores", _COLUMNS, [_row("second")])
    assert _customers(client) == {"second"}


def test_the_database_itself_refuses_whatever_the_run_believes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.leases.Lease.check", lambda _lease, _client: None)
    with leased(client, "churn") as first:
        with leased(client, "churn"):
            pass
        fenced_insert(client, first, "customer_scores", _COLUMNS, [_row("late")])
    assert _customers(client) == set()


def test_other_jobs_do_not_fence_each_other(client: Client) -> None:
    with leased(client, "churn"):
        with leased(client, "upsell"):
            insert_rows(client, "customer_scores", _COLUMNS, [_row("theirs")])
        insert_rows(client, "customer_scores", _COLUMNS, [_row("ours")])
    assert _customers(client) == {"theirs", "ours"}


def test_a_fenced_insert_stores_what_a_plain_one_does(client: Client) -> None:
    snapshot = ("model", "user_id", "customer_id", "snapshot_at", "due_at", "features")
    features = {"days": 3.5, 'it\'s a \\ "name"\n': -1e-9, "größe": float("nan")}
    moment = datetime.now(UTC).replace(microsecond=0)
    tables: dict[str, tuple[tuple[str, ...], list[Any]]] = {
        "customer_snapshots": (
            snapshot,
            ["churn", UUID(int=7), "k1.'\\n\t 📇", moment, moment + timedelta(days=28), features],
        ),
        "customer_scores": (_COLUMNS, _row("x", probability=None, started_at=_AT)),
        "business_impact_metrics": (
            ("user_id", "metric_type", "integration_provider", "current_value", "created_at", "period_start"),
            [UUID(int=7), "sales_conversion", "hubspot", Decimal("0.1234"), _AT, moment],
        ),
    }
    for table, (columns, row) in tables.items():
        read = f"SELECT {', '.join(columns)} FROM {table}"
        insert_rows(client, table, columns, [row])
        plain = client.query(read).result_rows
        client.command(f"TRUNCATE TABLE {table}")
        with leased(client, "any"):
            insert_rows(client, table, columns, [row])
        assert repr(client.query(read).result_rows) == repr(plain), table


def test_many_rows_go_in_portions(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.leases._ROWS_AT_ONCE", 7)
    with leased(client, "churn"):
        insert_rows(client, "customer_scores", _COLUMNS, [_row(str(number)) for number in range(30)])
    assert len(_customers(client)) == 30
