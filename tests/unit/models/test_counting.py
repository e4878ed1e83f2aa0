from __future__ import annotations

import pytest

from models.counting import agreeing, counted


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "finding", "0 findings"),
        (1, "finding", "1 finding"),
        (2, "finding", "2 findings"),
        (1_000, "row", "1,000 rows"),
        (1, "query", "1 query"),
        (2, "query", "2 queries"),
        (2, "day", "2 days"),
        (2, "switch", "2 switches"),
        (1, "dead letter", "1 dead letter"),
        (3, "dead letter", "3 dead letters"),
    ],
)
def test_a_noun_is_as_many_as_its_count(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def test_a_number_that_reads_as_one_has_one_thing() -> None:
    assert counted(1.02, "day", shown="1") == "1 day"
    assert counted(1, "hour", shown="1.0") == "1.0 hours"
    assert counted(2, "person", "people") == "2 people"


def test_the_verb_follows_the_count() -> None:
    assert [agreeing(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]
