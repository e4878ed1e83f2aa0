"""Second opinions are added to the factors of stored incidents, where they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from jobs.second_opinions import SecondOpinions
from models.errors import SinkUnavailable
from models.insights import ALL_TENANTS_ID, Insight
from models.minutes import MinuteCounts, Series
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from sinks.memory import MemorySink
from sinks.memory_detectors import MemoryDetectors
from storage.connection import ClickHouseAddress, connect
from storage.insight_store import InsightFilter, stored_insights
from tests.examples.insights import insight
from tests.examples.minutes import SERIES, at, with_outage

pytestmark = pytest.mark.stack

_BEGIN, _END = 360, 400
# The tables forget what is older than 400 days.
_SHIFT = timedelta(days=5 * 365)


def moment(number: int) -> datetime:
    return at(number) + _SHIFT


class _Store(MemoryDetectors):
    """Every series had this outage, and was read up to ``through``."""

    def __init__(self) -> None:
        super().__init__(MemorySink())
        self.asked: list[tuple[Series, datetime, datetime]] = []
        self.through = _END
        self.answers = True

    def minutes_of(
        self, series: Sequence[Series], since: datetime, until: datetime
    ) -> dict[Series, list[tuple[datetime, MinuteCounts]]]:
        if not self.answers:
            raise SinkUnavailable("it is away")
        self.asked += [(one, since, until) for one in series]
        counts = with_outage(_END, first=_BEGIN, last=_END)[: self.through]
        rows = [(moment(number), one) for number, one in enumerate(counts)]
        return {one: [(start, counts) for start, counts in rows if since <= start < until] for one in series}


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as client:
        yield client


@pytest.fixture
def sink(database: ClickHouseAddress) -> ClickHouseSink:
    return ClickHouseSink(database)


def incident(kind: str = "error_burst", *, provider: str = SERIES[1], until: int | None = _END - 1) -> Insight:
    """An incident that ended at a minute, or is open."""
    ended_at = None if until is None else moment(until)
    return insight(
        user_id=UUID(bytes=SERIES[0]),
        integration_provider=provider,
        kind=kind,
        status="open" if ended_at is None else "closed",
        started_at=moment(_BEGIN),
        ended_at=ended_at,
        updated_at=ended_at or moment(_BEGIN + 3),
        contributing_factors=("Seen: 12 of 20.",),
        confidence_score=0.9876,
    )


def methods(client: Client) -> list[str]:
    (stored,) = stored_insights(client, InsightFilter())
    return [one.partition(":")[0] for one in stored.contributing_factors]


def test_opinions_come_after_the_factors_of_the_detectors_and_change_nothing_else(
    client: Client, sink: ClickHouseSink
) -> None:
    told, store = incident(), _Store()
    sink.write("predictive_insights", insight_rows([told]))
    job = SecondOpinions(store, sink)
    assert job.run(client, moment(_END + 60)) == [], "nothing is published again"
    assert methods(client) == ["Seen", "ADWIN", "HalfSpaceTrees"]
    (stored,) = stored_insights(client, InsightFilter())
    assert stored._replace(contributing_factors=told.contributing_factors) == told
    assert store.asked == [(SERIES, moment(0), moment(_END))]
    job.run(client, moment(_END + 61))
    assert len(store.asked) == 1, "it was asked about"
    SecondOpinions(store, sink).run(client, moment(_END + 62))
    assert methods(client) == ["Seen", "ADWIN", "HalfSpaceTrees"], "a new leader finds the same"


def test_an_incident_is_asked_about_when_it_changes_and_every_ten_minutes_while_it_is_new(
    client: Client, sink: ClickHouseSink
) -> None:
    store = _Store()
    job = SecondOpinions(store, sink)
    sink.write("predictive_insights", insight_rows([incident(until=None)]))
    for minute, seen in ((3, ["Seen", "HalfSpaceTrees"]), (4, ["Seen", "HalfSpaceTrees"])):
        store.through = _BEGIN + minute
        job.run(client, moment(store.through))
        assert methods(client) == seen
    assert len(store.asked) == 1
    store.through = _BEGIN + 30
    job.run(client, moment(store.through))
    assert methods(client) == ["Seen", "ADWIN", "HalfSpaceTrees"]
    sink.write("predictive_insights", insight_rows([incident()]))
    assert methods(client) == ["Seen"], "the worker knows of no opinions"
    job.run(client, moment(store.through + 1))
    assert methods(client) == ["Seen", "ADWIN", "HalfSpaceTrees"]


def test_only_errors_and_latency_of_single_tenants_are_asked_about(client: Client, sink: ClickHouseSink) -> None:
    others = [incident(kind, provider=kind) for kind in ("volume_drop", "stale_sync", "rate_limit_exhaustion")]
    others.append(incident("provider_outage")._replace(user_id=ALL_TENANTS_ID, id=UUID(int=9)))
    sink.write("predictive_insights", insight_rows(others))
    store = _Store()
    SecondOpinions(store, sink).run(client, moment(_END + 60))
    assert store.asked == []


def test_of_an_outage_at_many_tenants_fifty_are_asked_about_at_a_time(client: Client, sink: ClickHouseSink) -> None:
    sink.write("predictive_insights", insight_rows([incident(provider=f"provider-{number}") for number in range(60)]))
    store = _Store()
    job = SecondOpinions(store, sink)
    for minute, asked in ((0, 50), (1, 60), (2, 60)):
        job.run(client, moment(_END + minute))
        assert len({series for series, *_ in store.asked}) == len(store.asked) == asked


def test_a_run_that_failed_is_made_up_for(client: Client, sink: ClickHouseSink) -> None:
    sink.write("predictive_insights", insight_rows([incident()]))
    store = _Store()
    job = SecondOpinions(store, sink)
    store.answers = False
    with pytest.raises(SinkUnavailable):
        job.run(client, moment(_END))
    store.answers = True
    job.run(client, moment(_END + 1))
    assert methods(client) == ["Seen", "ADWIN", "HalfSpaceTrees"]
