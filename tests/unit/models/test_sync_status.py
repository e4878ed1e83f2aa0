"""Status words: an open list that everything reads in the same way."""

from __future__ import annotations

import pytest

from models.sync_status import Condition, condition_of, words_of


@pytest.mark.parametrize(
    ("word", "condition"),
    [
        ("Healthy", Condition.HEALTHY),
        ("in-progress", Condition.RUNNING),
        ("In Progress", Condition.RUNNING),
        (" warning ", Condition.DEGRADED),
        ("FAILED", Condition.FAILED),
        ("disconnected", Condition.FAILED),
        ("paused", Condition.PAUSED),
        ("frobnicating", Condition.UNKNOWN),
    ],
)
def test_status_words_are_understood_however_they_are_written(word: str, condition: Condition) -> None:
    assert condition_of(word) is condition


def test_every_word_of_a_condition_means_it() -> None:
    for condition in set(Condition) - {Condition.UNKNOWN}:
        words = words_of(condition)
        assert words
        assert {condition_of(word) for word in words} == {condition}
