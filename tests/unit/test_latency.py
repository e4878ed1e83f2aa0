"""The latency that ``make bench-latency`` reports is that of the first look that saw an event."""

from __future__ import annotations

import pytest

from benchmarks.latency import delays
from benchmarks.paced import Sent


def test_an_event_is_visible_at_the_first_look_that_reaches_its_offset() -> None:
    looks = [(100.0, {0: 4}), (100.5, {0: 5, 1: 0}), (101.0, {0: 9, 1: 3}), (200.0, {0: 9, 1: 3})]
    sent = [Sent(0, 5, 100.1), Sent(0, 6, 100.1), Sent(1, 3, 100.2), Sent(0, 1, 99.0)]
    assert sorted(delays(sent, looks)) == pytest.approx([0.4, 0.8, 0.9])


def test_what_no_look_saw_counts_as_seen_by_the_last_one() -> None:
    assert delays([Sent(0, 50, 101.0)], [(100.0, {0: 1}), (130.0, {0: 2})]) == pytest.approx([29.0])
