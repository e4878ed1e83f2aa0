"""The loop over a quarter: every week people answer findings, and thresholds follow (``detectors.thresholds``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from benchmarks.feedback.series import PER_DAY, STEP, Finding, Tenant, TenantSeries, finds, grouped
from detectors.performance.detector import PerformanceDetector
from detectors.thresholds import DEFAULTS, Goals, Recall, VerdictEvidence, Verdicts, bounds_of, propose

WEEK: Final = 7 * PER_DAY
_WINDOW_WEEKS: Final = 4
_REPLAYED_WEEKS: Final = 8
_MAX_CONFIRMED: Final = 20
# People answer this share of findings, and are wrong in this share of their answers.
ANSWERED, WRONG = 0.6, 0.05
_KNOWN: Final = 0.05
TUNED: Final = ("errors", "latency")


class Judged(NamedTuple):
    """A finding, whether it was real, and the verdict of a person; empty: nobody answered."""

    finding: Finding
    is_real: bool
    verdict: str


class Week(NamedTuple):
    """False alarms of a week at one group of tenants and detectors."""

    false_alarms: int
    tenants: int
    threshold: float


class Quarter(NamedTuple):
    """What became of a quarter: weeks by group, and real incidents that were found in replay (of how many)."""

    weeks: Mapping[str, Sequence[Week]]
    found_at_default: int
    found_at_end: int
    incidents: int
    changes: int


class _Tenant:
    """A tenant in the simulation."""

    def __init__(self, name: str, kind: Tenant, days: int, rng: np.random.Generator) -> None:
        self.name = name
        self.series = TenantSeries(kind, days, rng)
        self.thresholds = dict(DEFAULTS)
        self.changed_week = dict.fromkeys(TUNED, 0)
        self.judged: list[Judged] = []
        self._detector = PerformanceDetector(STEP)
        self._rng = rng
        self._known: dict[tuple[str, float, int], Recall] = {}

    def live(self, week: int) -> list[Judged]:
        """Live through a week; return its findings, answered."""
        alarms = self.series.alarms(self._detector, week * WEEK, (week + 1) * WEEK, self.thresholds)
        new = [self._answered(one) for one in grouped(alarms)]
        self.judged += new
        return new

    def verdicts(self, detector: str, week: int) -> Verdicts:
        """Return the verdicts since the threshold last changed, as they are after a week."""
        since = max(self.changed_week[detector], week + 1 - _WINDOW_WEEKS, 1)
        mine = [one for one in self.judged if one.finding.detector == detector and one.finding.start >= since * WEEK]
        count = {name: sum(one.verdict == name for one in mine) for name in ("real", "false_alarm", "known")}
        weeks = float(week + 1 - since)
        return Verdicts(len(mine), count["real"], count["false_alarm"], count["known"], max(weeks, 0.0))

    def recall(self, detector: str, week: int, threshold: float) -> Recall:
        """Return how many of the confirmed findings a threshold finds when their weeks are replayed."""
        place = detector, threshold, week
        if place not in self._known:
            self._known[place] = self._recall(detector, threshold, week)
        return self._known[place]

    def _recall(self, detector: str, threshold: float, week: int) -> Recall:
        since = max(week + 1 - _REPLAYED_WEEKS, 0) * WEEK
        confirmed = [
            one.finding
            for one in self.judged
            if one.verdict == "real" and one.finding.detector == detector and one.finding.start >= since
        ][-_MAX_CONFIRMED:]
        if not confirmed:
            return Recall()
        thresholds = {**self.thresholds, detector: threshold}
        again = self.series.findings(confirmed[0].start - 1, confirmed[-1].last + 3, thresholds)
        near = [[one for one in again if one.start <= old.last + 1 and old.start - 1 <= one.last] for old in confirmed]
        return Recall(sum(map(bool, near)), len(confirmed))

    def _answered(self, finding: Finding) -> Judged:
        is_real = self.series.is_real(finding)
        if self._rng.random() >= ANSWERED:
            return Judged(finding, is_real, "")
        if not is_real and self._rng.random() < _KNOWN:
            return Judged(finding, is_real, "known")
        said = is_real != (self._rng.random() < WRONG)
        return Judged(finding, is_real, "real" if said else "false_alarm")


def quarter(tenants: Mapping[str, Tenant], goals: Goals, *, seed: int, days: int = 90, learns: bool = True) -> Quarter:
    """Return what becomes of a quarter; tenants of a name are numbered, groups are the part before the number.

    ``learns`` says whether thresholds follow the verdicts. Of two runs of a seed all series are the same.
    """
    rngs = np.random.default_rng(seed).spawn(len(tenants))
    every = [_Tenant(name, kind, days, rng) for (name, kind), rng in zip(tenants.items(), rngs, strict=True)]
    weeks: defaultdict[str, list[Week]] = defaultdict(list)
    changes = 0
    for week in range(days // 7):
        found = {one.name: one.live(week) for one in every}
        for group, detector in _groups(tenants):
            mine = [one for one in every if one.name.partition(" ")[0] == group]
            false = sum(
                one.finding.detector == detector and not one.is_real for tenant in mine for one in found[tenant.name]
            )
            mean = float(np.mean([one.thresholds[detector] for one in mine]))
            weeks[f"{group}: {detector}"].append(Week(false, len(mine), mean))
        if learns and week:
            changes += sum(_tuned(every, detector, week, goals) for detector in TUNED)
    at_default, at_end, incidents = _found(every)
    return Quarter(dict(weeks), at_default, at_end, incidents, changes)


def _groups(tenants: Mapping[str, Tenant]) -> list[tuple[str, str]]:
    groups = dict.fromkeys(name.partition(" ")[0] for name in tenants)
    return [(group, detector) for group in groups for detector in TUNED]


def _tuned(every: Sequence[_Tenant], detector: str, week: int, goals: Goals) -> int:
    """Set the thresholds of a detector at every tenant; return how many changed."""
    verdicts = {one.name: one.verdicts(detector, week) for one in every}
    kind = Verdicts()
    for one in verdicts.values():
        kind = kind.plus(one)
    changed = 0
    for tenant in every:
        proposal = propose(
            VerdictEvidence(verdicts[tenant.name], kind),
            tenant.thresholds[detector],
            bounds_of(detector),
            goals,
            partial(tenant.recall, detector, week),
        )
        if proposal.is_change:
            tenant.thresholds[detector] = proposal.new
            tenant.changed_week[detector] = week + 1
            changed += 1
    return changed


def _found(every: Sequence[_Tenant]) -> tuple[int, int, int]:
    """Return how many real incidents a replay finds, at the defaults and at the last thresholds; of how many."""
    at_default = at_end = incidents = 0
    for tenant in every:
        series = tenant.series
        runs = [series.findings(0, series.steps, one) for one in (DEFAULTS, tenant.thresholds)]
        for incident in series.incidents:
            incidents += 1
            by_default, by_end = (any(finds(one, incident) for one in run) for run in runs)
            at_default += by_default
            at_end += by_end and by_default
    return at_default, at_end, incidents
