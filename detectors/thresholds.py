"""Thresholds of detectors by tenant, and how they follow the verdicts on their findings. Pure.

A detector is a channel of the performance or the health detector; its threshold is in units of ``Signal.score``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from detectors.health.detector import EMPTY_THRESHOLD, FAILING_THRESHOLD
from detectors.health.sync import STALE_THRESHOLD
from detectors.health.sync_signals import QUOTA_THRESHOLD
from detectors.incidents.kinds import KINDS
from detectors.performance import error_channel, latency_channel, volume_channel
from models.counting import counted
from models.errors import InvalidRequest
from models.insights import ALL_TENANTS_ID

DEFAULTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "errors": error_channel.THRESHOLD,
        "volume": volume_channel.THRESHOLD,
        "latency": latency_channel.THRESHOLD,
        "stale_sync": STALE_THRESHOLD,
        "empty_sync": EMPTY_THRESHOLD,
        "sync_failing": FAILING_THRESHOLD,
        "sync_interrupted": STALE_THRESHOLD,
        "rate_limit": QUOTA_THRESHOLD,
    }
)
"""Detector → the threshold that it ships with."""
# Bounds as shares of the default. Signals of the health detectors end at the default, so theirs can only be raised.
_LOWEST: Final = {name: 0.85 if name in {"errors", "volume", "latency"} else 1.0 for name in DEFAULTS}
_HIGHEST: Final = 1.9
# One unit of the score makes false alarms at least this many decades rarer: with noise as a normal distribution it
# would be one, heavy tails make it less. A small figure takes large steps, which replay and bounds limit.
_DECADES: Final = 0.3
_MAX_STEP: Final = 1.5
_STEP_BACK: Final = 0.3
_MIN_WEEKS: Final = 1.0
# A threshold is raised where the rate is above this share of the budget: it is only raised once that is likely, so the
# rates are above what is aimed at, on average.
_AIM: Final = 0.75
# Weight of the kind's own rate and share in those of a tenant: in tenant-weeks, and in verdicts.
_PRIOR_WEEKS: Final = 1.0
_PRIOR_VERDICTS: Final = 5.0
_PRIOR_CONFIRMED: Final = 5.0
# Of the interval of a rate: one end is beyond the true rate in one case of four.
_Z_75: Final = 0.6744897501960817
_HALVINGS: Final = 4
_SMALLEST: Final = 0.05


class ThresholdBounds(NamedTuple):
    """The lowest and the highest threshold, and the one that the detector ships with."""

    low: float
    high: float
    default: float

    def clipped(self, value: float) -> float:
        """Return the value, or the bound that it is beyond; of what is no number the default."""
        return self.default if math.isnan(value) else min(max(value, self.low), self.high)


class Verdicts(NamedTuple):
    """Findings and the verdicts on them over some weeks of one or several tenants."""

    findings: int = 0
    real: int = 0
    false_alarms: int = 0
    known: int = 0
    weeks: float = 0.0

    def plus(self, other: Verdicts) -> Verdicts:
        """Return both together."""
        return Verdicts(
            self.findings + other.findings,
            self.real + other.real,
            self.false_alarms + other.false_alarms,
            self.known + other.known,
            self.weeks + other.weeks,
        )


class VerdictEvidence(NamedTuple):
    """Verdicts on a detector's findings: the tenant's since its threshold last changed, and those of all tenants."""

    own: Verdicts
    kind: Verdicts


class Recall(NamedTuple):
    """Recall of a threshold: the number of confirmed findings that it still finds in replay.

    One that was confirmed while the threshold was raised counts in ``found`` by the recall of that threshold, because
    what was missed then could not be confirmed. ``usual`` is the share at all tenants, ``None`` where nobody confirmed
    any.
    """

    found: float = 0.0
    real: int = 0
    usual: float | None = None

    @property
    def share(self) -> float:
        """The share, shrunk to the usual one; 1 of nothing."""
        if self.usual is None:
            return self.found / self.real if self.real else 1.0
        return (self.found + _PRIOR_CONFIRMED * self.usual) / (self.real + _PRIOR_CONFIRMED)


class FalseAlarmRate(NamedTuple):
    """False alarms per tenant and week, with a 50 % interval: it is above ``low`` in three cases of four."""

    value: float
    low: float
    high: float


class Proposal(NamedTuple):
    """A threshold for a detector, and why; ``old`` and ``new`` are equal where nothing is to change."""

    old: float
    new: float
    reason: str
    rate: FalseAlarmRate
    recall: Recall

    @property
    def is_change(self) -> bool:
        """Whether the threshold is to change."""
        return self.new != self.old


class Goals(NamedTuple):
    """Targets of a detector: the most false alarms per tenant and week, and the lowest recall in replay."""

    budget: float
    recall_floor: float


class ThresholdChange(NamedTuple):
    """One change; the highest version of a tenant's detector counts. The nil tenant: all without their own change."""

    user_id: UUID
    detector: str
    value: float
    effective_from: datetime
    version: int = 1


class ThresholdSchedule:
    """Which threshold holds when: a minute is judged by the same one whenever it is judged."""

    def __init__(self, changes: Iterable[ThresholdChange] = ()) -> None:
        self.changes = tuple(
            sorted(changes, key=lambda one: (one.effective_from, one.version, one.user_id, one.detector))
        )
        self._changes: dict[tuple[UUID, str], list[ThresholdChange]] = {}
        for one in self.changes:
            if one.detector in DEFAULTS:
                self._changes.setdefault((one.user_id, one.detector), []).append(one)

    def at(self, tenant: UUID, moment: datetime) -> Mapping[str, float]:
        """Return a tenant's thresholds of every detector at a time."""
        return {name: self._at(tenant, name, moment) for name in DEFAULTS} if self._changes else DEFAULTS

    def next_change(self, tenant: UUID, after: datetime) -> datetime | None:
        """Return when a tenant's thresholds change next; ``None``: not as far as is known."""
        moments = (
            one.effective_from
            for (whose, _), changes in self._changes.items()
            if whose in {tenant, ALL_TENANTS_ID}
            for one in changes
            if one.effective_from > after
        )
        return min(moments, default=None)

    def _at(self, tenant: UUID, detector: str, moment: datetime) -> float:
        for whose in (tenant, ALL_TENANTS_ID):
            known = [one for one in self._changes.get((whose, detector), ()) if one.effective_from <= moment]
            if known:  # by version, not by time: two clocks that differ may give a later change an earlier time
                return bounds_of(detector).clipped(max(known, key=lambda one: one.version).value)
        return DEFAULTS[detector]


UNCHANGED: Final = ThresholdSchedule()
"""Every detector at its default."""


def bounds_of(detector: str) -> ThresholdBounds:
    """Return the bounds of a detector's threshold.

    Raises
    ------
    InvalidRequest
        There is no such detector.
    """
    if detector not in DEFAULTS:
        raise InvalidRequest("detector", f"expected one of {', '.join(DEFAULTS)}")
    default = DEFAULTS[detector]
    return ThresholdBounds(round(_LOWEST[detector] * default, 2), round(_HIGHEST * default, 2), default)


def checked_threshold(detector: str, value: float) -> float:
    """Return a threshold that somebody sets.

    Raises
    ------
    InvalidRequest
        There is no such detector, or the value is outside its bounds.
    """
    low, high, default = bounds_of(detector)
    if not low <= value <= high:
        raise InvalidRequest("value", f"expected {low:g} to {high:g}; the default of {detector} is {default:g}")
    return round(value, 2)


def detector_of(kind: str) -> str | None:
    """Return the detector that a kind of finding comes from; ``None``: its threshold is fixed."""
    return KINDS[kind].channels[0] if kind in KINDS else None


def false_alarm_rate(own: Verdicts, kind: Verdicts) -> FalseAlarmRate:
    """Return a tenant's false alarms per week, shrunk to those of its detector at all tenants (``kind``).

    Findings without a verdict count as false alarms by the share of those with one.
    """
    share = (kind.false_alarms + 0.5) / (kind.false_alarms + kind.real + 1.0)
    usual = _false_alarms(kind, share) / max(kind.weeks, 1e-9)
    answered = own.false_alarms + own.real
    own_share = (own.false_alarms + _PRIOR_VERDICTS * share) / (answered + _PRIOR_VERDICTS)
    shape = _false_alarms(own, own_share) + _PRIOR_WEEKS * usual
    weeks = own.weeks + _PRIOR_WEEKS
    return FalseAlarmRate(shape / weeks, _gamma(shape, -_Z_75) / weeks, _gamma(shape + 0.5, _Z_75) / weeks)


def propose(
    evidence: VerdictEvidence, current: float, bounds: ThresholdBounds, goals: Goals, replay: Callable[[float], Recall]
) -> Proposal:
    """Return the threshold that keeps the budget of false alarms, within the bounds and above the floor of recall.

    Parameters
    ----------
    bounds
        Their default is returned to while there are far fewer false alarms than the budget allows.
    replay
        Returns the recall at a threshold.
    """
    rate, default = false_alarm_rate(evidence.own, evidence.kind), bounds.default
    if evidence.own.weeks < _MIN_WEEKS:
        return Proposal(current, current, "less than a week of data at this threshold", rate, Recall())
    if rate.low > _AIM * goals.budget:
        return _raised(current, bounds, goals, replay, rate)
    at_present = replay(current) if current > default else Recall()
    too_blind = at_present.share < goals.recall_floor
    if current > default and (rate.high < goals.budget / 2 or too_blind):
        new = bounds.clipped(max(round(current - _STEP_BACK, 1), default))
        room = f"{_seen(rate, goals)}: there is room to find more"
        why = f"only {_found(at_present)} at {current:g}" if too_blind else room
        return Proposal(current, new, why, rate, replay(new))
    return Proposal(current, current, f"{_seen(rate, goals)}: kept", rate, at_present)


def _raised(
    current: float, bounds: ThresholdBounds, goals: Goals, replay: Callable[[float], Recall], rate: FalseAlarmRate
) -> Proposal:
    """Return the largest step up, of a few ever smaller ones, that keeps the recall."""
    seen = _seen(rate, goals)
    step = min(math.log10(rate.value / (_AIM * goals.budget)) / _DECADES, _MAX_STEP)
    recall = Recall()
    for _ in range(_HALVINGS):
        new = bounds.clipped(round(current + step, 1))
        if new - current < _SMALLEST:
            break
        recall = replay(new)
        if recall.share >= goals.recall_floor:
            known = recall.real or recall.usual is not None
            replayed = f"; {_found(recall)} in replay" if known else "; no confirmed finding to replay"
            return Proposal(current, new, f"{seen}{replayed}", rate, recall)
        step /= 2
    blind = recall.share < goals.recall_floor
    why = (
        f"a higher threshold finds only {_found(recall)} in replay" if blind else f"it is at its bound {bounds.high:g}"
    )
    return Proposal(current, current, f"{seen}, but {why}", rate, recall)


def _seen(rate: FalseAlarmRate, goals: Goals) -> str:
    shown = counted(rate.value, "false alarm", shown=f"{rate.value:.2f}")
    return f"{shown} a week ({rate.low:.2f} to {rate.high:.2f}), budget {goals.budget:g}"


def _found(recall: Recall) -> str:
    own = f"{recall.found:.3g} of {counted(recall.real, 'confirmed finding')}"
    return own if recall.usual is None else f"{own} ({recall.usual:.0%} at all tenants)"


def _false_alarms(verdicts: Verdicts, share: float) -> float:
    unanswered = verdicts.findings - verdicts.real - verdicts.false_alarms - verdicts.known
    return verdicts.false_alarms + max(unanswered, 0) * share


def _gamma(shape: float, z: float) -> float:
    """Return a quantile of a gamma distribution of scale 1 (Wilson and Hilferty); ``z`` is that of a normal one."""
    if shape <= 0.0:
        return 0.0
    return shape * max(1.0 - 1.0 / (9.0 * shape) + z / (3.0 * math.sqrt(shape)), 0.0) ** 3


def effective(now: datetime) -> datetime:
    """Return from when on a change that is stored now holds: every worker knows of it by then."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=3)
