"""Whatever is asked for, damage loses nothing, invents nothing, and says what it did."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.faults import damage
from simulator.rows import Message
from simulator.scenario import Scenario

START = datetime(2026, 3, 2, tzinfo=UTC)


@cache
def _sound() -> tuple[Message, ...]:
    scenario = Scenario(seed=3, start=START, end=START + timedelta(hours=6), rate=0.02)
    return tuple(message for batch in scenario.history() for message in batch)


SHARES = st.fixed_dictionaries({name: st.floats(0, 0.5) for name in ("malformed", "duplicated", "late")})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 300), shares=SHARES, distance=st.integers(1, 400))
def test_what_is_sent_is_the_valid_the_malformed_and_the_duplicates(
    seed: int, count: int, shares: dict[str, float], distance: int
) -> None:
    sound = _sound()[:count]
    damaged = damage(
        sound,
        seed=seed,
        now=START,
        malformed=shares["malformed"],
        duplicated=shares["duplicated"],
        late=shares["late"],
        distance=distance,
    )
    sent = Counter(damaged.messages)
    # Empty values may coincide, so duplicates are counted rather than looked for.
    once = Counter(damaged.valid) + Counter(one.message for one in damaged.malformed)
    repeats = sent - once
    assert once <= sent
    assert repeats.total() == damaged.duplicates
    assert set(repeats) <= set(damaged.valid)
    assert len(damaged.valid) + len(damaged.malformed) == count
    changed = sum(message not in set(sound) for message in damaged.valid)
    assert changed == damaged.backdated
