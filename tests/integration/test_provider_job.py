"""Providers across tenants on a real ClickHouse: one outage of several tenants is one finding, and stays one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from detectors.state import StateSigner
from jobs.provider_outages import ProviderJob
from models.insights import ALL_TENANTS_ID, Insight
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import ClickHouseAddress, connect
from storage.detector_store import NO_PARTITION, SavedState, state_rows
from tests.examples.insights import insight
from tests.examples.queries import Query, batch_of

pytestmark = pytest.mark.stack

_SECRET = b"a secret of at least 16 bytes"
_NOW = datetime.now(UTC).replace(second=0, microsecond=0)
_BEGUN = _NOW - timedelta(minutes=40)


class Place:
    """A database with two tenants of one provider, and the leader's job."""

    def __init__(self, address: ClickHouseAddress, client: Client) -> None:
        self.sink = ClickHouseSink(address)
        self.client = client
        self.address = address
        start = int((_NOW - timedelta(minutes=90)).timestamp() * 1000)
        queries = [Query(n, n, 1 + n % 2, "hubspot", at_ms=start + 5_000 * n) for n in range(90 * 12)]
        self.sink.write("integration_query_metrics", batch_of(queries))

    def judged_through(self, moment: datetime) -> None:
        """Say that the tenants' detectors have passed a minute."""
        saved = int(moment.timestamp()) // 60
        states = [SavedState((UUID(int=n).bytes, "hubspot"), n, moment, saved, b"") for n in (1, 2)]
        self.sink.write("detector_states", state_rows(states))

    def tell(self, *insights: Insight) -> None:
        self.sink.write("predictive_insights", insight_rows(insights))

    def job(self) -> ProviderJob:
        return ProviderJob(ClickHouseDetectors(self.address), self.sink, StateSigner(_SECRET))


@pytest.fixture
def place(database: ClickHouseAddress) -> Iterator[Place]:
    with connect(database) as client:
        yield Place(database, client)


def _incident(tenant: int, **fields: object) -> Insight:
    begun = _BEGUN + timedelta(minutes=tenant)
    return insight(user_id=UUID(int=tenant), started_at=begun, updated_at=begun, **fields)


def test_nothing_is_judged_before_the_tenants_detectors_have_passed_it(place: Place) -> None:
    assert place.job().run(place.client, _NOW) == []


def test_nothing_is_judged_while_detectors_of_a_partition_are_still_to_begin(place: Place) -> None:
    place.tell(_incident(1), _incident(2))
    place.judged_through(_NOW - timedelta(minutes=20))  # of partitions 1 and 2
    place.client.command(
        "INSERT INTO query_windows (user_id, window_start, partition) SELECT generateUUIDv4(), now('UTC'), 3"
    )
    assert place.job().run(place.client, _NOW) == []
    begun = SavedState((UUID(int=3).bytes, "hubspot"), 3, _NOW - timedelta(minutes=20), 1, b"")
    place.sink.write("detector_states", state_rows([begun]))
    assert len(place.job().run(place.client, _NOW)) == 1


def test_an_outage_of_two_tenants_is_one_finding_that_a_later_run_closes(place: Place) -> None:
    place.tell(_incident(1), _incident(2))
    place.judged_through(_NOW - timedelta(minutes=20))
    first = place.job()
    (opened,) = first.run(place.client, _NOW)
    assert (opened.user_id, opened.kind, opened.status) == (ALL_TENANTS_ID, "provider_outage", "open")
    assert set(opened.members) == {_incident(1).id, _incident(2).id}
    assert opened.started_at == _BEGUN + timedelta(minutes=1)
    first.confirm()

    ended = _NOW - timedelta(minutes=15)
    place.tell(*(_incident(n)._replace(status="closed", ended_at=ended, updated_at=ended) for n in (1, 2)))
    place.judged_through(_NOW - timedelta(minutes=5))
    second = place.job()
    (closed,) = second.run(place.client, _NOW)
    assert (closed.id, closed.status) == (opened.id, "closed")


def test_a_run_whose_findings_were_not_told_is_done_again_with_the_same_result(place: Place) -> None:
    place.tell(_incident(1), _incident(2))
    place.judged_through(_NOW - timedelta(minutes=20))
    assert place.job().run(place.client, _NOW) == place.job().run(place.client, _NOW) != []


def test_one_tenants_incident_is_not_the_providers(place: Place) -> None:
    place.tell(_incident(1))
    place.judged_through(_NOW - timedelta(minutes=20))
    assert place.job().run(place.client, _NOW) == []


@pytest.mark.parametrize("sealed", [b"torn", StateSigner(_SECRET).seal({"groups": []}, f"{ALL_TENANTS_ID}/")])
def test_a_state_that_is_torn_or_of_another_version_gives_way_to_the_one_before(place: Place, sealed: bytes) -> None:
    place.tell(_incident(1), _incident(2))
    place.judged_through(_NOW - timedelta(minutes=20))
    first = place.job()
    (opened,) = first.run(place.client, _NOW)
    first.confirm()
    bad = SavedState((ALL_TENANTS_ID.bytes, ""), NO_PARTITION, _NOW - timedelta(minutes=19), 2, sealed)
    place.sink.write("detector_states", state_rows([bad]))
    place.tell(_incident(1, severity="warning"), _incident(3))
    place.judged_through(_NOW - timedelta(minutes=10))
    (grown,) = place.job().run(place.client, _NOW)
    assert grown.id == opened.id
    assert len(grown.members) == 3
