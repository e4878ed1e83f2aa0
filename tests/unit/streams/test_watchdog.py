"""When a worker counts as stalled."""

from __future__ import annotations

import pytest

from streams.watchdog import Progress, StallDetector

_BUSY = Progress(progress=1, behind=True, excused=False)


def _stalls(*states: Progress, every: float = 20.0) -> list[bool]:
    detector = StallDetector(0.0, stall_seconds=60.0)
    return [detector.stalled(state, now=(i + 1) * every) for i, state in enumerate(states)]


def test_work_and_no_progress_for_a_minute_is_a_stall() -> None:
    assert _stalls(*[_BUSY] * 5) == [False, False, False, True, True]


def test_progress_starts_the_minute_again() -> None:
    assert not any(_stalls(*(_BUSY._replace(progress=i) for i in range(10))))
    assert _stalls(_BUSY, _BUSY, _BUSY, _BUSY._replace(progress=2), _BUSY._replace(progress=2)) == [False] * 5


@pytest.mark.parametrize("state", [_BUSY._replace(behind=False), _BUSY._replace(excused=True)])
def test_nothing_to_do_and_a_known_reason_are_no_stall(state: Progress) -> None:
    assert not any(_stalls(*[state] * 10))


def test_the_minute_starts_when_the_excuse_ends() -> None:
    excused = _BUSY._replace(excused=True)
    assert _stalls(excused, excused, excused, excused, _BUSY, _BUSY, _BUSY) == [False] * 6 + [True]
