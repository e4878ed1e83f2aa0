"""What a worker tells its group of itself."""

from __future__ import annotations

import asyncio
from itertools import permutations
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.cluster import ClusterMetadata

from models.topics import HEALTH, INGEST, QUERIES
from streams.transport import BatchConsumer, NoTables, SteadyRoundRobin
from tests.unit.streams.virtual_time import in_virtual_time


def test_a_member_says_the_same_of_itself_whatever_the_order_of_its_topics() -> None:
    said = {SteadyRoundRobin.metadata(topics).encode() for topics in permutations(("a", "b", "c"))}
    assert len(said) == 1


@pytest.mark.parametrize("workers", range(1, 10))
def test_a_worker_has_the_same_partitions_of_every_topic_and_each_is_given_once(workers: int) -> None:
    """What syncs say is judged together with the queries of the same tenants."""
    cluster = Mock(ClusterMetadata, **{"partitions_for_topic.return_value": set(range(8))})
    said = SteadyRoundRobin.metadata([topic.name for topic in INGEST])
    given = SteadyRoundRobin.assign(cluster, {f"worker-{i}": said for i in range(workers)})
    of = [dict(one.assignment) for one in given.values()]
    assert all(topics.get(QUERIES.name, []) == topics.get(HEALTH.name, []) for topics in of)
    for topic in INGEST:
        assert sorted(number for topics in of for number in topics.get(topic.name, [])) == list(range(8))
    counts = [len(topics.get(QUERIES.name, [])) for topics in of]
    assert max(counts) - min(counts) <= 1


def test_workers_of_two_releases_get_only_what_they_subscribe_to() -> None:
    cluster = Mock(ClusterMetadata, **{"partitions_for_topic.return_value": {0, 1}})
    old, new = SteadyRoundRobin.metadata(["a"]), SteadyRoundRobin.metadata(["a", "b"])
    given = SteadyRoundRobin.assign(cluster, {"old": old, "new": new})
    assert {name: dict(one.assignment) for name, one in given.items()} == {
        "new": {"a": [0], "b": [0, 1]},
        "old": {"a": [1]},
    }


@in_virtual_time
async def test_faust_waits_neither_for_tables_nor_a_second_for_partitions() -> None:
    """Both delayed the first row after every start."""
    consumer = Mock(flow_active=True, sleep=asyncio.sleep, **{"_get_active_partitions.return_value": set()})
    tables = Mock(sleep=asyncio.sleep, _update_channels=AsyncMock(), recovery=AsyncMock())
    now = asyncio.get_running_loop().time
    began = now()
    assert await BatchConsumer._wait_next_records(consumer, 1.0) == ({}, set())
    await NoTables.on_start(tables)
    tables.recovery.start.assert_awaited_once()
    assert now() - began < 0.1
