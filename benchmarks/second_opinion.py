"""``python -m benchmarks.second_opinion``: how often ADWIN and half-space trees agree with true and false incidents.

True ones are those that the detectors open on labelled series of ``benchmarks.detection``; each is asked about when it
is announced first, and at its last announcement. Detectors raise hardly any false alarm, so the worst ten minutes of
each calm day stand for those that detectors with low thresholds would raise.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.detection import simulated, synthetic
from benchmarks.detection.judge import WARM_DAYS
from benchmarks.detection.series import DAY, LabelledSeries
from detectors.incidents.second_opinion import BEFORE, CHANNELS, METHODS, Channel, IncidentSpan, opinions
from models.insights import Insight
from models.minutes import MinuteCounts
from simulator.arrays import Floats
from streams.detection.series_monitor import SeriesMonitor

out = Console()

_DAYS: Final = 10
_VOLUME: Final = 60.0
_SEED: Final = 9301
_PEAK: Final = 10
# A label's aftermath, as in ``benchmarks.detection.judge``: windows still hold an incident for a while.
_AFTERMATH: Final = 30
# A peak is calm where no incident is in its hours.
_CALM: Final = 480


class Asked(NamedTuple):
    """One question: about what, and who agreed."""

    about: str
    agreed: frozenset[str]
    seconds: float


def _series() -> list[LabelledSeries]:
    made = simulated.draw(_SEED, days=_DAYS, warm_days=WARM_DAYS, per_day=3.0)
    for trait in synthetic.TRAITS:
        made.append(synthetic.draw(_SEED, _VOLUME, days=_DAYS, warm_days=WARM_DAYS, per_day=0.7, trait=trait))
    return made


class _Stored:
    """The minutes of a series, as a job reads them back."""

    def __init__(self, series: LabelledSeries) -> None:
        self.series = series
        self.begin = datetime.fromtimestamp(series.first, UTC)
        self.minutes = [
            (
                datetime.fromtimestamp(seen["time"], UTC),
                MinuteCounts(seen["count"], seen["errors"], seen["log_latency_sum"], seen["log_latency_squares"]),
            )
            for _, seen in series.observations()
        ]

    def ask(self, about: str, span: IncidentSpan) -> Asked:
        """Ask about a span."""
        first = bisect_left(self.minutes, span.started_at - BEFORE, key=lambda one: one[0])
        started = time.perf_counter()
        said = opinions(self.minutes[first : first + DAY], span)
        took = time.perf_counter() - started
        return Asked(about, frozenset(method for method in METHODS for one in said if one.startswith(method)), took)

    def at(self, minute: int) -> datetime:
        """Return when a minute of the series is."""
        return self.begin + timedelta(minutes=minute)


def _incidents(stored: _Stored) -> Iterator[Asked]:
    """Ask about every incident that the detectors open."""
    monitor = SeriesMonitor((bytes(15) + b"\x01", "hubspot"))
    told: defaultdict[UUID, list[Insight]] = defaultdict(list)
    for at, counts in stored.minutes:
        for insight in monitor.minute(at, counts):
            if insight.kind in CHANNELS and insight.started_at >= stored.at(WARM_DAYS * DAY):
                told[insight.id].append(insight)
    for versions in told.values():
        end = versions[-1].ended_at or versions[-1].updated_at
        true = any(
            versions[0].started_at < stored.at(one.end + _AFTERMATH) and end >= stored.at(one.start)
            for one in stored.series.labels
        )
        kind = "true incidents" if true else "false alarms of the detectors"
        for when, one in (("first", versions[0]), ("last", versions[-1])):
            span = IncidentSpan(CHANNELS[one.kind], one.started_at, one.ended_at or one.updated_at)
            yield stored.ask(f"{kind}, at their {when} announcement", span)


def _peaks(stored: _Stored) -> Iterator[Asked]:
    """Ask about the minutes of each calm day with most errors, and about the slowest ones."""
    series, ones = stored.series, np.ones(_PEAK)
    queries = np.convolve(series.counts, ones, "valid")
    calm = queries > 0
    for label in series.labels:
        calm[max(label.start - _CALM, 0) : label.end + _CALM] = False
    sums: dict[Channel, Floats] = {"errors": series.errors.astype(np.float64), "latency": series.log_sums}
    for channel, values in sums.items():
        means = np.where(calm, np.convolve(values, ones, "valid") / np.maximum(queries, 1), -1.0)
        for day in range(WARM_DAYS, _DAYS):
            peak = day * DAY + int(means[day * DAY : (day + 1) * DAY].argmax())
            if means[peak] >= 0:
                span = IncidentSpan(channel, stored.at(peak), stored.at(peak + _PEAK - 1))
                yield stored.ask(f"worst minutes of calm days, {channel}", span)


def main() -> None:
    """Print a row for each kind of question."""
    asked = [
        one for series in track(_series(), "series", console=out) for find in (_incidents, _peaks)
        for one in find(_Stored(series))
    ]  # fmt: skip
    out.print("| | asked | ADWIN | HalfSpaceTrees | either |")
    for about in dict.fromkeys(one.about for one in asked):
        agreed = [one.agreed for one in asked if one.about == about]
        parts = [*(sum(method in one for one in agreed) for method in METHODS), sum(map(bool, agreed))]
        shares = " | ".join(f"{part} ({100 * part / len(agreed):.0f} %)" for part in parts)
        out.print(f"| {about} | {len(agreed)} | {shares} |", highlight=False, soft_wrap=True)
    took = sorted(1e3 * one.seconds for one in asked)
    out.print(f"{took[len(took) // 2]:.1f} ms a question (median), {took[-1]:.1f} ms at most", highlight=False)


if __name__ == "__main__":
    main()
