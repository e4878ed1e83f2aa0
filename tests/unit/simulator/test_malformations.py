from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from models.events import MAX_EVENT_BYTES
from models.topics import INGEST, Topic
from simulator.malformations import KINDS, malform
from simulator.rows import Message

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
AHEAD = {"hour_ahead": timedelta(hours=1), "year_ahead": timedelta(days=365)}
BY_CONTENT = [kind for kind in KINDS if kind not in {*AHEAD, "oversized"}]


def _sound(messages: list[Message], topic: Topic) -> bytes:
    return next(value for name, _, value in messages if name == topic.name)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@pytest.mark.parametrize("kind", BY_CONTENT)
def test_a_broken_value_is_not_a_valid_event(messages: list[Message], topic: Topic, kind: str) -> None:
    value = _sound(messages, topic)
    adapter = TypeAdapter(topic.event)
    adapter.validate_json(value)
    for seed in range(20):
        broken = malform(kind, topic.name, value, np.random.default_rng(seed), NOW)
        with pytest.raises(ValidationError):
            adapter.validate_json(broken)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_an_oversized_value_is_valid_but_for_its_size(messages: list[Message], topic: Topic) -> None:
    broken = malform("oversized", topic.name, _sound(messages, topic), np.random.default_rng(0), NOW)
    assert len(broken) > MAX_EVENT_BYTES
    TypeAdapter(topic.event).validate_json(broken)


@pytest.mark.parametrize("kind", sorted(AHEAD))
def test_a_clock_ahead_is_ahead_of_now_and_valid_otherwise(messages: list[Message], kind: str) -> None:
    topic = INGEST[0]
    broken = malform(kind, topic.name, _sound(messages, topic), np.random.default_rng(0), NOW)
    assert TypeAdapter(topic.event).validate_json(broken)["created_at"] == NOW + AHEAD[kind]
