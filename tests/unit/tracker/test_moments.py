from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from romashka_tracker.moments import Moments

_SECOND = 1_772_368_200


def _at(monkeypatch: pytest.MonkeyPatch, nanoseconds: int) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds)


@pytest.mark.parametrize("rest", [0, 999, 1_000, 250_000, 999_999_999, 1_000_000_000, 1_500_000_000])
def test_the_present_is_written_as_datetime_writes_it(monkeypatch: pytest.MonkeyPatch, rest: int) -> None:
    moments = Moments()
    _at(monkeypatch, _SECOND * 1_000_000_000)
    assert moments.now() == "2026-03-01T12:30:00+00:00"
    _at(monkeypatch, _SECOND * 1_000_000_000 + rest)
    moment = datetime.fromtimestamp(_SECOND, UTC) + timedelta(microseconds=rest // 1_000)
    assert moments.now() == moment.isoformat()


@pytest.mark.parametrize("year", [1970, 1999, 2201])
def test_a_clock_outside_of_the_contract_gives_no_text(monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    _at(monkeypatch, int(datetime(year, 6, 1, tzinfo=UTC).timestamp()) * 1_000_000_000)
    assert Moments().now() is None


def test_a_clock_that_goes_back_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments()
    _at(monkeypatch, (_SECOND + 1) * 1_000_000_000)
    moments.now()
    _at(monkeypatch, _SECOND * 1_000_000_000)
    assert moments.now() == "2026-03-01T12:30:00+00:00"
