"""What may be committed, in the order things finish; crash cases as data."""

from __future__ import annotations

import pytest

from streams.offsets import SafeOffsets, commit_point


@pytest.mark.parametrize(
    ("taken", "finished", "safe"),
    [
        ([9], [], None),
        ([9], [9], 10),
        ([9, 19, 29], [19, 29], None),
        ([9, 19, 29], [19, 29, 9], 30),
        ([9, 19, 29], [9, 29], 10),
        ([9, 19, 29], [29, 9, 19], 30),
        # The case that Faust 0.15.3 gets wrong: 31 is in flight while 32 and 33 are done.
        ([31, 32, 33], [32, 33], None),
    ],
)
def test_safe_is_the_end_of_the_unbroken_run(taken: list[int], finished: list[int], safe: int | None) -> None:
    offsets = SafeOffsets()
    for last in taken:
        offsets.take_in(last)
    for last in finished:
        offsets.finish(last)
    assert offsets.safe == safe


def test_finishing_twice_or_what_was_never_taken_in_changes_nothing() -> None:
    offsets = SafeOffsets()
    offsets.take_in(5)
    offsets.finish(4)
    assert offsets.safe is None
    offsets.finish(5)
    offsets.finish(5)
    assert offsets.safe == 6


def test_safe_stays_while_the_next_span_is_in_flight() -> None:
    offsets = SafeOffsets()
    offsets.take_in(5)
    offsets.finish(5)
    offsets.take_in(6)
    assert offsets.safe == 6


@pytest.mark.parametrize("again", [3, 5])
def test_taking_in_what_was_taken_in_before_is_a_mistake_of_the_caller(again: int) -> None:
    offsets = SafeOffsets()
    offsets.take_in(5)
    with pytest.raises(ValueError, match=f"offset {again} was taken in before"):
        offsets.take_in(again)


def test_taking_in_what_is_durable_already_is_a_mistake_of_the_caller() -> None:
    offsets = SafeOffsets()
    offsets.take_in(5)
    offsets.finish(5)
    with pytest.raises(ValueError, match="offset 5 was taken in before"):
        offsets.take_in(5)


@pytest.mark.parametrize(("safe", "point"), [(0, 0), (1, 0), (31, 0), (32, 32), (33, 32), (64, 64)])
def test_a_chunk_is_committed_whole(safe: int, point: int) -> None:
    assert commit_point(safe, 32) == point
