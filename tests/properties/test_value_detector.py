"""A restored detector goes on as if nothing had been; the past does not depend on the future; nor scores on scale."""

from __future__ import annotations

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.performance.detector import Verdict
from detectors.series.detector import ValueDetector

ROWS = 260


@st.composite
def series(draw: st.DrawFn) -> list[dict[str, float | None]]:
    """Noise with spikes, a level shift, a constant stretch, gaps in time and missing values."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    interval = draw(st.sampled_from([1.0, 300.0, 3600.0, 86_400.0]))
    shift, stuck = draw(st.integers(50, ROWS)), draw(st.integers(0, ROWS))
    rows: list[dict[str, float | None]] = []
    time = 1.6e9
    for n in range(ROWS):
        time += interval * (1.0 if rng.random() < 0.95 else rng.uniform(0.5, 20.0))
        value = rng.gauss(5.0, 1.0) + 8.0 * (n > shift) + (20.0 if rng.random() < 0.01 else 0.0)
        if stuck <= n < stuck + 30 and rows:
            rows.append({"time": time, "value": rows[-1]["value"]})
        else:
            rows.append({"time": time, "value": None if rng.random() < 0.03 else value})
    return rows


def verdicts(detector: ValueDetector, rows: list[dict[str, float | None]]) -> list[Verdict]:
    return [detector.process_one(row) for row in rows]


@settings(deadline=None, max_examples=25)
@given(series(), st.integers(0, ROWS))
def test_a_restored_detector_scores_bit_identically(rows: list[dict[str, float | None]], cut: int) -> None:
    whole = ValueDetector()
    expected = verdicts(whole, rows)
    first = ValueDetector()
    verdicts(first, rows[:cut])
    restored = ValueDetector.from_state(json.loads(json.dumps(first.to_state(), allow_nan=False)))
    assert verdicts(restored, rows[cut:]) == expected[cut:]
    assert restored.to_state() == whole.to_state()


@settings(deadline=None, max_examples=15)
@given(series(), st.integers(1, ROWS))
def test_what_comes_later_changes_nothing_before(rows: list[dict[str, float | None]], cut: int) -> None:
    assert verdicts(ValueDetector(), rows[:cut]) == verdicts(ValueDetector(), rows)[:cut]


@settings(deadline=None, max_examples=25)
@given(series(), st.sampled_from([1e-9, 0.3, 7.0, 1e12]), st.sampled_from([-100.0, 0.0, 3.0]))
def test_scale_and_offset_do_not_matter(rows: list[dict[str, float | None]], scale: float, offset: float) -> None:
    def moved(value: float | None) -> float | None:
        return None if value is None else scale * (value + offset)

    plain = verdicts(ValueDetector(), rows)
    other = verdicts(ValueDetector(), [{"time": row["time"], "value": moved(row["value"])} for row in rows])
    for one, two in zip(plain, other, strict=True):
        # Rounding apart: the profile of the day is kept in single precision.
        assert abs(one.score - two.score) <= 1e-3 * max(1.0, one.score)
        assert one.is_anomaly == two.is_anomaly or abs(one.score - 1.0) < 1e-3
