"""A few bad messages pass; nearly only bad ones stop the worker, and hold back commits before that."""

from __future__ import annotations

import pytest

from models.errors import DlqLimitExceeded
from streams.dlq_limit import DlqLimit


def _guard() -> DlqLimit:
    return DlqLimit("a.topic", window=100, share=0.9)


def test_a_flood_is_raised_when_a_full_window_is_nearly_all_rejected() -> None:
    guard = _guard()
    guard.observe(99, 99)
    with pytest.raises(DlqLimitExceeded, match=r"90 of the last 100|100 of the last 100"):
        guard.observe(1, 1)


def test_the_message_says_what_happened_and_what_to_do() -> None:
    with pytest.raises(DlqLimitExceeded) as flood:
        _guard().observe(100, 95)
    assert "95 of the last 100 messages of a.topic were rejected" in str(flood.value)
    assert "without committing" in str(flood.value)
    assert "romashka dead-letters list" in str(flood.value)


def test_just_below_the_share_is_no_flood() -> None:
    guard = _guard()
    for _ in range(50):
        guard.observe(100, 89)
    assert not guard.suspicious


def test_exactly_the_share_is_a_flood() -> None:
    with pytest.raises(DlqLimitExceeded):
        _guard().observe(100, 90)


def test_one_poll_larger_than_the_window_counts_whole() -> None:
    guard = _guard()
    guard.observe(1_000, 899)
    with pytest.raises(DlqLimitExceeded):
        guard.observe(1_000, 900)


def test_old_messages_leave_the_window() -> None:
    guard = _guard()
    for _ in range(10):
        guard.observe(10, 0)
    for _ in range(8):
        guard.observe(10, 10)
    assert not guard.suspicious
    with pytest.raises(DlqLimitExceeded):
        guard.observe(10, 10)


def test_a_first_bad_message_is_suspicious_until_good_ones_come() -> None:
    guard = _guard()
    suspicions = [guard.suspicious]
    for rejected in (1, 0):
        guard.observe(1, rejected)
        suspicions.append(guard.suspicious)
    assert suspicions == [False, True, False]
