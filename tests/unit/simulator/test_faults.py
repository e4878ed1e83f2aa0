from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from models.errors import SettingsError
from simulator.faults import Damaged, damage
from simulator.malformations import KINDS
from simulator.rows import Message

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
COUNT = 20_000


@pytest.fixture(scope="module")
def sound(messages: list[Message]) -> list[Message]:
    return messages[:COUNT]


@pytest.fixture(scope="module")
def damaged(sound: list[Message]) -> Damaged:
    return damage(sound, seed=1, now=NOW)


def _id(message: Message) -> str:
    return str(json.loads(message[2])["event_id"])


def test_the_shares_are_exact(damaged: Damaged) -> None:
    assert (len(damaged.malformed), damaged.duplicates, damaged.moved + damaged.backdated) == (200, 400, 1_000)
    assert damaged.backdated == 250
    assert len(damaged.messages) == COUNT + 400
    assert len(damaged.valid) == COUNT - 200


def test_the_stream_is_the_valid_the_malformed_and_the_duplicates(damaged: Damaged) -> None:
    sent = Counter(damaged.messages)
    sent.subtract(damaged.valid)
    sent.subtract([one.message for one in damaged.malformed])
    repeats = Counter({message: count for message, count in sent.items() if count})
    assert min(repeats.values()) > 0
    assert repeats.total() == damaged.duplicates
    assert set(repeats) <= set(damaged.valid)


def test_every_way_to_break_a_message_occurs(damaged: Damaged) -> None:
    assert {one.kind for one in damaged.malformed} == set(KINDS)


def test_a_duplicate_comes_within_its_distance_of_the_original(sound: list[Message]) -> None:
    damaged = damage(sound, seed=1, now=NOW, malformed=0, late=0, duplicated=0.1, distance=50)
    places: dict[Message, list[int]] = {}
    for place, message in enumerate(damaged.messages):
        places.setdefault(message, []).append(place)
    gaps = [second - first for first, second in (found for found in places.values() if len(found) == 2)]
    assert len(gaps) == 2_000
    # Other duplicates may lie between.
    assert min(gaps) >= 1
    assert max(gaps) < 70


def test_a_moved_message_keeps_its_time_and_the_others_their_order(sound: list[Message]) -> None:
    damaged = damage(sound, seed=1, now=NOW, malformed=0, duplicated=0, late=0.04, distance=300)
    was = {message: place for place, message in enumerate(sound)}
    unchanged = [message for message in damaged.messages if message in was]
    assert len(unchanged) == COUNT - damaged.backdated
    later = sum(first > second for first, second in pairwise(was[message] for message in unchanged))
    assert 0.8 * damaged.moved < later <= damaged.moved


def test_backdated_events_lie_up_to_30_days_back_and_change_in_nothing_else(
    sound: list[Message], damaged: Damaged
) -> None:
    by_id = {_id(message): message for message in sound}
    changed = [(by_id[_id(message)], message) for message in damaged.valid if by_id[_id(message)] != message]
    assert len(changed) == damaged.backdated
    back = []
    for old, new in changed:
        before, after = json.loads(old[2]), json.loads(new[2])
        times = [datetime.fromisoformat(event.pop("created_at")) for event in (before, after)]
        assert before == after
        back.append(times[0] - times[1])
    assert timedelta(seconds=1) <= min(back) < timedelta(days=3)
    assert timedelta(days=27) < max(back) <= timedelta(days=30)


def test_the_same_seed_does_the_same_damage_and_another_seed_other(sound: list[Message], damaged: Damaged) -> None:
    assert damage(sound, seed=1, now=NOW) == damaged
    assert damage(sound, seed=2, now=NOW) != damaged


def test_no_damage_leaves_the_stream_as_it_is(sound: list[Message]) -> None:
    untouched = damage(sound, seed=1, now=NOW, malformed=0, duplicated=0, late=0)
    assert untouched.messages == untouched.valid == sound


@pytest.mark.parametrize("shares", [{"malformed": -0.1}, {"malformed": 0.6, "late": 0.6}, {"distance": 0}])
def test_shares_that_cannot_be_are_a_clear_error(sound: list[Message], shares: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="malformed, duplicated and late must be 0 to 1"):
        damage(sound, seed=1, now=NOW, **shares)  # type: ignore[arg-type]
