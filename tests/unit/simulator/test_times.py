from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from simulator.times import from_ms, iso_local, offset_text, span_ms, to_ms


def test_moments_go_to_milliseconds_and_back() -> None:
    moment = datetime(2026, 3, 2, 5, 13, 7, 123_000, tzinfo=timezone(timedelta(hours=-5)))
    assert from_ms(to_ms(moment)) == moment
    assert span_ms(timedelta(minutes=2)) == 120_000


@pytest.mark.parametrize("minutes", [0, 60, 330, -300, -570])
def test_local_text_with_its_offset_is_the_same_moment(minutes: int) -> None:
    moment = datetime(2026, 3, 1, 0, 30, 0, 7_000, tzinfo=UTC)
    text = iso_local(np.array([to_ms(moment)]), minutes)[0] + offset_text(minutes)
    assert datetime.fromisoformat(text) == moment
    assert len(text) == len("2026-03-01T00:30:00.007+00:00")
