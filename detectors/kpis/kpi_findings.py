"""Changes of key figures as findings: one for each tenant, figure and stretch of days, told as long as it lasts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from detectors.incidents.formatting import number
from detectors.insight_factory import InsightPeriod, Values, new_insight
from detectors.kpis.kpi_change import DISCOVERY_RATE, Floats, judge, matters, significant_below
from kpis.kpi import Kpi, Unit
from models.counting import counted
from models.insights import Insight, Severity

MODEL_VERSION: Final = "kpi-change-1"
_DAY: Final = timedelta(days=1)
_LIKELY_DEVIATIONS: Final = 1.96
_SUREST: Final = 0.99
_SUFFIX: Final = {
    Unit.RATIO: " %",
    Unit.MILLISECONDS: " ms",
    Unit.MINUTES: " minutes",
    Unit.HOURS: " hours",
    Unit.STARS: " stars",
}


class DailySeries(NamedTuple):
    """Daily series of every figure as of a time, for all tenants.

    ``day`` is the tested day, the last column; every day is cut at the same time of day. ``at`` is the end of the data.
    Values and counts have shape (tenants, days), by figure.
    """

    day: datetime
    at: datetime
    values: Mapping[str, Floats]
    counts: Mapping[str, Floats]


class _Verdict(NamedTuple):
    """A candidate: a series that is significant by itself, before the correction for multiple tests."""

    look: int
    observed: float
    expected: float
    lower: float
    upper: float
    deviation: float
    p: float
    n: float


class _Run(NamedTuple):
    """Consecutive days with a change in one direction; ``last`` is the newest significant result."""

    began: datetime
    last: _Verdict
    upward: bool
    surest: float


class ChangeSearch:
    """Searches for changes in batches of tenants; significance is decided over all of them at the end.

    Only candidates are kept in memory: series with a p-value below the rate, about one in a few hundred.

    Parameters
    ----------
    kpis
        The figures.
    """

    def __init__(self, kpis: Sequence[Kpi]) -> None:
        self._kpis = kpis
        self._times: list[tuple[datetime, datetime]] = []
        self._tests: list[int] = []
        self._p: list[array[float]] = []
        # By figure and tenant: candidates, and the last test with enough data.
        self._verdicts: dict[tuple[str, UUID], list[_Verdict]] = {}
        self._last: dict[tuple[str, UUID], int] = {}

    def add(self, tenants: Sequence[UUID], looks: Sequence[DailySeries]) -> None:
        """Test more tenants.

        Parameters
        ----------
        looks
            Oldest first, of the same times at each call.
        """
        if not self._times:
            self._times = [(look.day, look.at) for look in looks]
            self._tests = [0] * len(looks)
            self._p = [array("d") for _ in looks]
        if [(look.day, look.at) for look in looks] != self._times:
            raise ValueError("looks of other moments than before")
        for nth, look in enumerate(looks):
            for kpi in self._kpis:
                self._look(nth, look, kpi, tenants)
        for kpi in self._kpis:
            self._note_last(kpi, tenants, looks)

    def _look(self, nth: int, look: DailySeries, kpi: Kpi, tenants: Sequence[UUID]) -> None:
        share, counts = kpi.unit is Unit.RATIO, look.counts[kpi.id]
        judged = judge(look.values[kpi.id], counts, share=share, minimum_volume=float(kpi.minimum_volume))
        rare = judged.p <= DISCOVERY_RATE
        self._tests[nth] += int((judged.p < 1.0).sum())
        self._p[nth].extend(judged.p[rare].tolist())
        for place in np.flatnonzero(rare & matters(judged, share=share)).tolist():
            values = (float(column[place]) for column in (*judged, counts[:, -1]))
            verdict = _Verdict(nth, *values)
            self._verdicts.setdefault((kpi.id, tenants[place]), []).append(verdict)

    def _note_last(self, kpi: Kpi, tenants: Sequence[UUID], looks: Sequence[DailySeries]) -> None:
        """Keep, for candidates, the number of the last test with enough data."""
        places = {place for place, tenant in enumerate(tenants) if (kpi.id, tenant) in self._verdicts}
        for nth in range(len(looks) - 1, -1, -1):
            if not places:
                return
            look = looks[nth]
            some = sorted(places)
            judged = judge(
                look.values[kpi.id][some],
                look.counts[kpi.id][some],
                share=kpi.unit is Unit.RATIO,
                minimum_volume=float(kpi.minimum_volume),
            )
            for place, p in zip(some, judged.p.tolist(), strict=True):
                if p < 1.0:
                    self._last[kpi.id, tenants[place]] = nth
                    places.remove(place)

    def findings(self) -> list[Insight]:
        """Return the changes of all added tenants.

        A change in the newest test is open. One that was there in the very first test began before the tested range; it
        was reported then and is left out.
        """
        bounds = [significant_below(np.array(p), tests) for p, tests in zip(self._p, self._tests, strict=True)]
        return [
            _insight(kpi, tenant, run, self._times[run.last.look][1], ongoing)
            for kpi in self._kpis
            for tenant in sorted(tenant for id_, tenant in self._verdicts if id_ == kpi.id)
            for run, ongoing in self._runs(self._verdicts[kpi.id, tenant], bounds, self._last[kpi.id, tenant])
        ]

    def _runs(self, verdicts: Sequence[_Verdict], bounds: Sequence[float], last: int) -> Iterator[tuple[_Run, bool]]:
        """Yield the runs of one series, and whether each is still open."""
        run: _Run | None = None
        first = self._times[0][0]
        for verdict in verdicts:
            if verdict.p > bounds[verdict.look]:
                continue
            day, upward = self._times[verdict.look][0], verdict.observed > verdict.expected
            if run and run.upward == upward and day - self._times[run.last.look][0] <= _DAY:
                run = _Run(run.began, verdict, upward, min(run.surest, verdict.p))
                continue
            if run and run.began > first:
                yield run, False
            run = _Run(day, verdict, upward, verdict.p)
        if run and run.began > first:
            yield run, run.last.look == last


def findings(kpis: Sequence[Kpi], tenants: Sequence[UUID], looks: Sequence[DailySeries]) -> list[Insight]:
    """Return the changes in a sequence of tests, oldest first; see ``ChangeSearch``."""
    search = ChangeSearch(kpis)
    search.add(tenants, looks)
    return search.findings()


def _insight(kpi: Kpi, tenant: UUID, run: _Run, at: datetime, ongoing: bool) -> Insight:
    last = run.last
    observed, expected, lower, upper = last.observed, last.expected, last.lower, last.upper
    change = observed - expected
    room = _LIKELY_DEVIATIONS * last.deviation
    verb = "rose" if run.upward else "fell"
    period = f"since {run.began:%Y-%m-%d}" if ongoing else f"from {run.began:%Y-%m-%d} to {at:%Y-%m-%d %H:%M} UTC"
    relative = f" ({100 * change / abs(expected):+.0f} %)" if expected else ""
    return new_insight(
        InsightPeriod("kpi_change", tenant, kpi.id, run.began, updated_at=at, ended_at=None if ongoing else at),
        kind=kpi.id,
        severity=_severity(kpi, run.upward, observed, last.n),
        title=f"{kpi.title} {verb} to {_shown(kpi, observed)}",
        summary=(
            f"{_shown(kpi, expected)} is usual on such days ({_shown(kpi, lower)} to {_shown(kpi, upper)}): "
            f"{_shown(kpi, change, signed=True)}{relative}, 95 % interval {_shown(kpi, change - room, signed=True)} to "
            f"{_shown(kpi, change + room, signed=True)}; {period}."
        ),
        confidence=min(1.0 - run.surest, _SUREST),
        values=Values(observed, expected, lower, upper, str(kpi.unit)),
        factors=(
            f"Rests on {counted(round(last.n), 'counted case')}.",
            _meaning(kpi, run.upward),
        ),
        actions=_actions(kpi, run.upward),
        model_version=MODEL_VERSION,
    )


def _severity(kpi: Kpi, upward: bool, observed: float, n: float) -> Severity:
    """Return ``critical`` for a change for the worse beyond the figure's critical threshold, else ``warning``."""
    if not _is_worse(kpi, upward):
        return "info"
    return "critical" if kpi.state(observed, n) == "critical" else "warning"


def _is_worse(kpi: Kpi, upward: bool) -> bool:
    return kpi.direction == ("down" if upward else "up")


def _meaning(kpi: Kpi, upward: bool) -> str:
    if kpi.direction == "neutral":
        return "Neither direction is better by itself."
    return "This is a change for the worse." if _is_worse(kpi, upward) else "This is a change for the better."


def _actions(kpi: Kpi, upward: bool) -> tuple[str, ...]:
    if not _is_worse(kpi, upward):
        return ("Find out what was changed that day, so that it can be kept.",)
    return (
        "Split the figure by provider, channel and customer segment: where only one moved, look there.",
        "Compare with the incidents and deployments of the day on which it began.",
    )


def _shown(kpi: Kpi, value: float, *, signed: bool = False) -> str:
    shown = 100.0 * value if kpi.unit is Unit.RATIO else value
    suffix = " points" if signed and kpi.unit is Unit.RATIO else _SUFFIX.get(kpi.unit, "")
    text = number(shown) if abs(shown) < 10 or kpi.unit is not Unit.RATIO else f"{shown:.1f}"
    return f"{'+' if signed and shown > 0 else ''}{text}{suffix}"
