"""Which members of the workers' group know layouts."""

from __future__ import annotations

import pytest

from streams.kafka import WORKER_CLIENT
from streams.topic_growth import _fit


@pytest.mark.parametrize("client", [WORKER_CLIENT, "romashka-worker-2", "romashka-worker-12"])
def test_workers_of_this_and_later_versions_know_layouts(client: str) -> None:
    assert _fit(client)


@pytest.mark.parametrize("client", ["faust-0.15.3", "rdkafka", "romashka-worker-0", "romashka-worker-", "x-1", ""])
def test_every_other_member_does_not(client: str) -> None:
    assert not _fit(client)
