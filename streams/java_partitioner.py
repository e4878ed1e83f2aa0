"""The default partitioner of Kafka's Java client, which defines the home partition of a tenant."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final

from aiokafka.partitioner import DefaultPartitioner

_REMEMBERED_KEYS: Final = 65_536


@cache
def home_partitions(count: int) -> Callable[[bytes], int]:
    """Return the function from a key to its partition, for a topic with ``count`` partitions."""
    partitions = list(range(count))
    choose = DefaultPartitioner()

    @lru_cache(maxsize=_REMEMBERED_KEYS)
    def home_of(key: bytes) -> int:
        return int(choose(key, partitions, partitions))

    return home_of
