"""A topic that was made again ends the worker; a broker that is away does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from models.errors import RomashkaError, Unreachable
from streams.topic_recreation import LOOK_SECONDS, watch_epochs
from tests.unit.streams.virtual_time import in_virtual_time

_EPOCHS = {"integration.queries.v1": 7, "integration.health.v1": 8}


@in_virtual_time
async def test_a_topic_that_was_made_again_is_named_within_half_a_minute() -> None:
    made_again = {**_EPOCHS, "integration.health.v1": 9}
    answers = [_EPOCHS, _EPOCHS, made_again]
    with pytest.raises(RomashkaError, match=r"^integration\.health\.v1 was deleted and made again"):
        await watch_epochs(lambda: answers.pop(0), _EPOCHS)
    assert asyncio.get_running_loop().time() == 3 * LOOK_SECONDS


@in_virtual_time
async def test_a_broker_that_does_not_answer_is_asked_again() -> None:
    asked = []

    def read() -> Mapping[str, int]:
        asked.append(asyncio.get_running_loop().time())
        raise Unreachable("away")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch_epochs(read, _EPOCHS), 100)
    assert len(asked) == 3
