"""What a worker tells its group of itself."""

from __future__ import annotations

from itertools import permutations

from streams.transport import SteadyRoundRobin


def test_a_member_says_the_same_of_itself_whatever_the_order_of_its_topics() -> None:
    said = {SteadyRoundRobin.metadata(topics).encode() for topics in permutations(("a", "b", "c"))}
    assert len(said) == 1
