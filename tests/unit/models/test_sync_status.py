"""Status words: an open list that everything reads in the same way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.error_kinds import error_kind_of
from models.sync_status import Condition, Vocabulary, condition_of, words_of


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
        ("TimedOut", Condition.FAILED),
        ("timed out", Condition.FAILED),
        ("Aborted", Condition.FAILED),
        ("cancelled", Condition.PAUSED),
        ("CANCELED", Condition.PAUSED),
        ("unauthorised", Condition.FAILED),
        ("pending", Condition.RUNNING),
        ("Queued", Condition.RUNNING),
        ("completed_with_errors", Condition.UNKNOWN),
        ("готово", Condition.UNKNOWN),
        ("不OK", Condition.UNKNOWN),
        ("OKですか", Condition.UNKNOWN),
        ("!ok", Condition.UNKNOWN),
        ("ok?", Condition.UNKNOWN),
        ("~healthy", Condition.UNKNOWN),
        ("sync/completed", Condition.UNKNOWN),
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


_SPELLINGS = st.tuples(st.sampled_from(["_", "-", " ", "", "."]), st.sampled_from([str.lower, str.upper, str.title]))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(word, one) for one in Condition for word in words_of(one)]), _SPELLINGS)
def test_case_and_separators_do_not_matter(
    known: tuple[str, Condition], spelling: tuple[str, Callable[[str], str]]
) -> None:
    (word, condition), (separator, case) = known, spelling
    assert condition_of(case(word.replace("_", separator))) is condition


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("auth", "auth"),
        ("AUTH", "auth"),
        ("token_revoked", "auth"),
        ("invalid-credentials", "auth"),
        ("Unauthorised", "auth"),
        ("RateLimited", "rate_limit"),
        ("429", "rate_limit"),
        ("Timed Out", "timeout"),
        ("access denied", "permission"),
        ("moon_phase", "moon_phase"),
    ],
)
def test_errors_are_understood_however_they_are_written(word: str, kind: str) -> None:
    assert error_kind_of(word) == kind


def test_an_operator_says_what_a_connectors_words_mean() -> None:
    words = Vocabulary({"Completed with errors": "degraded", "frobnicated": "healthy"}, {"moon phase": "provider_down"})
    assert words.sync_status("completed_with_errors") == "degraded"
    assert words.sync_status("FROBNICATED") == "healthy"
    assert words.sync_status("Paused") == "Paused"
    assert (words.error_kind("MOON_PHASE"), words.error_kind("token_revoked")) == ("provider_down", "auth")


@pytest.mark.parametrize("words", [({"x": "good"}, {}), ({}, {"x": "bad"}), ({"x": "unknown"}, {})])
def test_a_meaning_that_there_is_not_is_refused(words: tuple[dict[str, str], dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        Vocabulary(*words)
