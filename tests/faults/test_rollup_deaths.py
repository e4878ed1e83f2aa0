"""Roll-ups that die between any two statements, or run twice at once, end in what the events say."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client

from jobs import roll_ups
from jobs.roll_ups import refresh
from kpis.analyses.catalogue import ANALYSES
from kpis.query import Scope, build_query
from kpis.rollups.statements import GROUPS
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from models.query import Query
from models.topics import OUTCOMES
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.examples.events import message
from tests.loading import Loader

pytestmark = [pytest.mark.stack, pytest.mark.long]

TENANT: Final = UUID(int=9)
NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
SCOPE: Final = Scope(NOON - timedelta(days=30), NOON + timedelta(days=5), TENANT)
STATEMENTS: Final = sum(len(rollup.statements) + 1 for group in GROUPS for rollup in group)


class Died(Exception):
    """The process is gone."""


class Shop:
    """A tenant with ten customers, about whose conversations ever more is told."""

    def __init__(self, address: ClickHouseAddress, client: Client) -> None:
        self.address = address
        self.client = client
        self._loader = Loader(ClickHouseSink(address), NOON + timedelta(days=100))
        self._conversations = [uuid4() for _ in range(40)]

    def tell(self, round_: int) -> None:
        """Tell more: sales, uses of data, earlier entries, other customers than was thought."""
        self._loader.load((OUTCOMES.name, b"", self._outcome(round_, number)) for number in range(40))

    def _outcome(self, round_: int, number: int) -> bytes:
        turn = (round_ + number) % 4
        at = NOON - timedelta(hours=7 * number - 100, minutes=round_ * (90 if turn == 0 else -1))
        event: dict[str, Any] = {
            "event_id": str(uuid4()),
            "user_id": str(TENANT),
            "conversation_id": str(self._conversations[number]),
            "created_at": at.isoformat(),
            "integration_data_used": turn == 1,
            "integration_types_used": [f"provider_{number % 3}"] if turn == 1 else [],
            "outcome_type": ("reopened", "resolved", "converted", "refunded")[turn],
            "business_value_generated": 10 * number + round_ if turn > 1 else None,
            "customer_id": f"customer_{(number + (round_ if turn == 0 else 0)) % 10}",
        }
        return message(OUTCOMES, **event)

    def dies_after(self, statements: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Roll up, but no further than so many statements."""
        left = iter(range(statements))
        run = roll_ups._command

        def until_then(client: Client, sql: str, parameters: dict[str, Any]) -> None:
            if next(left, None) is None:
                raise Died
            run(client, sql, parameters)

        with monkeypatch.context() as patched:
            patched.setattr(roll_ups, "_command", until_then)
            with pytest.raises(Died):
                refresh(self.client)

    def answers(self, *, rolled_up: bool) -> list[dict[str, Any]]:
        """Return figures of facts, hours, days and sales, and tables of steps."""
        asked = (
            (["conversation_count", "value_generated", "durable_resolution_rate"], ()),
            (["conversation_count"], ("provider",)),
            (["influenced_revenue"], ("provider",)),
        )
        dialect = Bound(SCOPE)
        context = QueryContext(dialect, rolled_up=rolled_up)
        queries = [
            *(build_query(ids, SCOPE, by=by, rolled_up=rolled_up) for ids, by in asked),
            *(Query(ANALYSES[name].sql(context), dialect.parameters) for name in ("journey", "drop-off", "segments")),
        ]
        return [row for query in queries for row in query_rows(self.client, *query)]


@pytest.fixture
def shop(database: ClickHouseAddress) -> Iterator[Shop]:
    with connect(database) as client:
        yield Shop(database, client)


def test_a_run_that_dies_after_any_statement_is_made_up_for_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for round_ in range(STATEMENTS - 3):  # of queries there are none: their roll-ups have no statement but the last
        shop.tell(round_)
        shop.dies_after(round_, monkeypatch)
        if round_ % 3 == 2:  # else the next one dies as well
            refresh(shop.client)
            assert shop.answers(rolled_up=True) == shop.answers(rolled_up=False), round_
    refresh(shop.client)
    found = shop.answers(rolled_up=True)
    assert found == shop.answers(rolled_up=False)
    assert found[0]["conversation_count"] == 40


def test_two_leaders_at_once_end_in_what_the_events_say(shop: Shop) -> None:
    def lead(_: int) -> None:
        with connect(shop.address) as client:
            for _ in range(4):
                refresh(client)

    shop.tell(0)
    with ThreadPoolExecutor(2) as pool:
        leaders = pool.map(lead, range(2))
        for round_ in range(1, 12):
            shop.tell(round_)
        list(leaders)
    refresh(shop.client)
    assert shop.answers(rolled_up=True) == shop.answers(rolled_up=False)
