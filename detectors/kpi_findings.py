"""Changes of key figures as findings: one for each tenant, figure and stretch of days, told as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from detectors.kpi_change import Bools, Floats, Judged, discoveries, judge, matters
from detectors.wording import number
from kpis.kpi import Kpi, Unit
from models.insights import Insight, Severity, insight_id

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


class Look(NamedTuple):
    """Daily series of every figure as they were at a moment, for all tenants.

    ``day`` is the day in question, the last column; of every day only what came until the same time counts. ``at`` is
    the end of what was looked at. Values and counts have shape (tenants, days), by figure.
    """

    day: datetime
    at: datetime
    values: Mapping[str, Floats]
    counts: Mapping[str, Floats]


class _Verdict(NamedTuple):
    look: Look
    judged: Judged
    flagged: Bools


class _Run(NamedTuple):
    """Consecutive days on which a figure is off in one direction; ``last`` is the newest verdict that says so."""

    began: datetime
    last: _Verdict
    upward: bool
    surest: float


def findings(kpis: Sequence[Kpi], tenants: Sequence[UUID], looks: Sequence[Look]) -> list[Insight]:
    """Return the changes that the looks show, oldest look first.

    A change that is there at the newest look is open. One that was there at the very first look began earlier than is
    looked at; it was told then and is left out.
    """
    verdicts: dict[str, list[_Verdict]] = {kpi.id: [] for kpi in kpis}
    for look in looks:
        for kpi, judged, flagged in _judged(kpis, look):
            verdicts[kpi.id].append(_Verdict(look, judged, flagged))
    return [
        _insight(kpi, tenant, place, run, ongoing)
        for kpi in kpis
        for place, tenant in enumerate(tenants)
        for run, ongoing in _runs(verdicts[kpi.id], place)
    ]


def _judged(kpis: Sequence[Kpi], look: Look) -> Iterator[tuple[Kpi, Judged, Bools]]:
    """Judge a look: significant among all figures of all tenants."""
    judged = [
        judge(
            look.values[kpi.id],
            look.counts[kpi.id],
            share=kpi.unit is Unit.RATIO,
            minimum_volume=float(kpi.minimum_volume),
        )
        for kpi in kpis
    ]
    significant = np.split(discoveries(np.concatenate([one.p for one in judged])), len(kpis))
    for kpi, one, found in zip(kpis, judged, significant, strict=True):
        yield kpi, one, found & matters(one, share=kpi.unit is Unit.RATIO)


def _runs(verdicts: Sequence[_Verdict], place: int) -> Iterator[tuple[_Run, bool]]:
    """Yield the runs of one series, and whether each still goes on."""
    run: _Run | None = None
    made = [one for one in verdicts if one.judged.p[place] < 1.0]
    for verdict in made:
        if not verdict.flagged[place]:
            continue
        upward = bool(verdict.judged.observed[place] > verdict.judged.expected[place])
        p = float(verdict.judged.p[place])
        if run and run.upward == upward and verdict.look.day - run.last.look.day <= _DAY:
            run = _Run(run.began, verdict, upward, min(run.surest, p))
            continue
        if run and run.began > verdicts[0].look.day:
            yield run, False
        run = _Run(verdict.look.day, verdict, upward, p)
    if run and run.began > verdicts[0].look.day:
        yield run, run.last is made[-1]


def _insight(kpi: Kpi, tenant: UUID, place: int, run: _Run, ongoing: bool) -> Insight:
    judged, at = run.last.judged, run.last.look.at
    observed, expected = float(judged.observed[place]), float(judged.expected[place])
    lower, upper = float(judged.lower[place]), float(judged.upper[place])
    change = observed - expected
    room = _LIKELY_DEVIATIONS * float(judged.deviation[place])
    verb = "rose" if run.upward else "fell"
    period = f"since {run.began:%Y-%m-%d}" if ongoing else f"from {run.began:%Y-%m-%d} to {at:%Y-%m-%d %H:%M} UTC"
    relative = f" ({100 * change / abs(expected):+.0f} %)" if expected else ""
    return Insight(
        id=insight_id("kpi_change", tenant, kpi.id, run.began),
        user_id=tenant,
        insight_type="kpi_change",
        kind=kpi.id,
        severity=_severity(kpi, run.upward, observed, float(run.last.look.counts[kpi.id][place, -1])),
        status="open" if ongoing else "closed",
        started_at=run.began,
        ended_at=None if ongoing else at,
        updated_at=at,
        title=f"{kpi.title} {verb} to {_shown(kpi, observed)}",
        summary=(
            f"{kpi.title} {verb} to {_shown(kpi, observed)}; on such days {_shown(kpi, expected)} is usual "
            f"({_shown(kpi, lower)} to {_shown(kpi, upper)}). That is {_shown(kpi, change, signed=True)}{relative}, "
            f"with 95 % confidence {_shown(kpi, change - room, signed=True)} to "
            f"{_shown(kpi, change + room, signed=True)}; {period}."
        ),
        confidence_score=min(1.0 - run.surest, _SUREST),
        observed=observed,
        expected=expected,
        lower=lower,
        upper=upper,
        unit=str(kpi.unit),
        contributing_factors=(
            f"Rests on {run.last.look.counts[kpi.id][place, -1]:,.0f} counted cases.",
            _meaning(kpi, run.upward),
        ),
        recommended_actions=_actions(kpi, run.upward),
        model_version=MODEL_VERSION,
    )


def _severity(kpi: Kpi, upward: bool, observed: float, n: float) -> Severity:
    """Return ``critical`` for a change for the worse beyond the figure's own critical line, else ``warning``."""
    if not _is_worse(kpi, upward):
        return "info"
    return "critical" if kpi.state(observed, n) == "critical" else "warning"


def _is_worse(kpi: Kpi, upward: bool) -> bool:
    return kpi.good == ("down" if upward else "up")


def _meaning(kpi: Kpi, upward: bool) -> str:
    if kpi.good == "neutral":
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
