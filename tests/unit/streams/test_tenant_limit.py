"""Who is new is noted before it counts, and only so many may be new within an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from models.topics import OUTCOMES, QUERIES
from sinks.memory import MemorySink
from sinks.sink import KnownTenants
from streams.decode import RecordSource
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy
from streams.tenant_limit import REASON, TenantLimit
from tests.examples import events
from tests.examples.events import NOW
from tests.unit.streams.pipeline_worker import Worker, record_of
from tests.unit.streams.virtual_time import in_virtual_time

_SOURCE = RecordSource(QUERIES.name, 11, 3)


def _records(*tenants: int) -> list[events.Record]:
    return [events.Record(number, str(UUID(int=tenant)).encode(), b"{}") for number, tenant in enumerate(tenants)]


class _Place:
    def __init__(self, most: int = 3, remembered: int = 10) -> None:
        self.sink = MemorySink()
        self.metrics = Metrics()
        self.limit = TenantLimit(self.sink, RetryPolicy(self.metrics), self.metrics, most=most, remembered=remembered)

    async def refused(self, *tenants: int, minutes: int = 0) -> list[int]:
        """The tenants whose records become dead letters."""
        records = _records(*tenants)
        refused = await self.limit.refused({record.key for record in records}, NOW + timedelta(minutes=minutes))
        admitted, letters = self.limit.split(records, _SOURCE, refused)
        assert sorted([*(one.offset for one in admitted), *(one.offset for one in letters)]) == list(
            range(len(records))
        )
        assert all(letter.reason == REASON for letter in letters)
        return [UUID(letter.key.decode()).int for letter in letters]

    @property
    def new(self) -> float | None:
        return self.metrics.registry.get_sample_value("romashka_new_tenants_total")


@in_virtual_time
async def test_so_many_may_be_new_within_an_hour_and_then_others_again() -> None:
    place = _Place(most=3)
    assert await place.refused(1, 2, 1) == []
    assert await place.refused(3, 4, 5, 1, 4) == [4, 5, 4]
    assert await place.refused(4, 1, minutes=59) == [4]
    assert await place.refused(4, 5, minutes=61) == []
    assert place.new == 5


@in_virtual_time
async def test_without_a_limit_any_number_may_be_new_and_all_are_noted() -> None:
    place = _Place(most=0)
    assert await place.refused(*range(1, 9)) == []
    assert {row["user_id"] for row in place.sink.rows("known_tenants")} == {UUID(int=n).bytes for n in range(1, 9)}
    worker = Worker(new_tenants_per_hour=0)
    await worker.read(QUERIES, [record_of(QUERIES, 1)])
    assert len(worker.sink.rows("known_tenants")) == 1


@in_virtual_time
async def test_who_is_known_stays_known_whoever_asks_and_whatever_is_remembered() -> None:
    place = _Place(most=3, remembered=1)
    assert await place.refused(1, 2, 3) == []
    assert await place.refused(1, 2, 3, 9) == [9]
    other = TenantLimit(place.sink, RetryPolicy(place.metrics), place.metrics, most=3)
    assert await other.refused({record.key for record in _records(1, 2, 9)}, NOW) == {str(UUID(int=9)).encode()}


@in_virtual_time
async def test_keys_that_are_no_tenant_cost_nothing_and_go_to_the_decoder() -> None:
    place = _Place(most=1)
    upper = str(UUID(int=0xABCDEF)).upper().encode()
    records = [events.Record(0, b"nobody", b"{}"), events.Record(1, upper, b"{}"), events.Record(2, b"\xff", b"{}")]
    assert await place.limit.refused({record.key for record in records}, NOW) == set()
    assert place.limit.split(records, _SOURCE, set()) == (records, [])
    assert place.new == 0


@in_virtual_time
async def test_a_flood_of_made_up_tenants_costs_known_ones_nothing_and_stops_nobody() -> None:
    worker = Worker(new_tenants_per_hour=2)
    await worker.read(OUTCOMES, [_outcome(0, 1), _outcome(1, 2)])
    for start in range(2, 12_002, 2_000):
        flood = [_outcome(offset, 10 + offset) for offset in range(start, start + 1_999)]
        await worker.read(OUTCOMES, [*flood, _outcome(start + 1_999, 1)])
    await worker.flush()
    assert {row["user_id"] for row in worker.sink.rows("conversation_outcomes")} == {
        UUID(int=1).bytes,
        UUID(int=2).bytes,
    }
    assert len(worker.sink.rows("conversation_outcomes")) == 2 + 6
    letters = worker.sink.rows("dead_letters")
    assert len(letters) == 6 * 1_999
    assert {row["reason"] for row in letters} == {REASON}
    assert len(worker.sink.rows("known_tenants")) == 2


class _CountingSink(MemorySink):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def known_tenants(self, tenants: Sequence[bytes], since: datetime) -> KnownTenants:
        self.asked += 1
        return super().known_tenants(tenants, since)


@in_virtual_time
async def test_the_new_tenants_of_all_partitions_of_a_poll_are_asked_for_once_and_share_the_limit() -> None:
    sink = _CountingSink()
    worker = Worker(sink, new_tenants_per_hour=3)
    polled = {(OUTCOMES.name, number): [_outcome(number, number + 1), _outcome(8 + number, 8)] for number in range(4)}
    for partition in polled:
        await worker.pipeline.resume(partition, 0, None, lambda: True)
    await worker.pipeline.handle(polled, lambda: True)
    await worker.flush()
    assert sink.asked == 1
    assert len(sink.rows("known_tenants")) == 3
    assert len(sink.rows("conversation_outcomes")) + len(sink.rows("dead_letters")) == 8
    assert {row["partition"] for row in sink.rows("dead_letters")} <= {0, 1, 2, 3}


def _outcome(offset: int, tenant: int) -> events.Record:
    user = UUID(int=tenant)
    value = events.message(OUTCOMES, user_id=str(user), event_id=str(UUID(int=offset + 1)))
    return events.Record(offset, str(user).encode(), value)
