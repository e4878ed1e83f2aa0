"""The loop over a quarter: every week people answer findings, and thresholds follow (``detectors.thresholds``).

A finding is simulated by its highest score: a detector finds it if that reaches the threshold. What is no problem has
scores above the default threshold with an exponential tail; most of what is real is far above, some of it is weak.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from detectors.thresholds import DEFAULTS, Goals, Recall, VerdictEvidence, Verdicts, bounds_of, propose

WEEKS: Final = 13
ANSWERED: Final = 0.6
"""Share of findings that somebody answers."""
WRONG: Final = 0.05
"""Share of answers that are wrong."""
_KNOWN: Final = 0.05
_WINDOW_WEEKS: Final = 4
_REPLAYED_WEEKS: Final = 12
# Real incidents of a tenant's detector per week, and by how much strong and weak ones exceed the default threshold.
_INCIDENTS: Final = 0.8
_STRONG: Final = (1.9, 0.5)
_WEAK: Final = 1.0


class Group(NamedTuple):
    """Tenants that are alike in one detector.

    ``false_alarms`` is their rate per tenant and week at the default threshold, ``tail`` by how much their scores
    exceed it on average, ``weak`` the share of real incidents that are hardly above it.
    """

    name: str
    detector: str
    tenants: int
    false_alarms: float
    tail: float
    weak: float = 0.1


GROUPS: Final = (
    Group("calm", "errors", 40, 0.4, 0.7),
    Group("noisy, 3 times the budget", "errors", 12, 3.0, 0.7),
    Group("noisy, 3 times the budget, heavy tail", "latency", 12, 3.0, 1.2),
    Group("noisy, and a third of what is real is weak", "volume", 12, 3.0, 0.7, weak=0.33),
)


class Week(NamedTuple):
    """A week of a group: false alarms, tenants, and the mean threshold at its end."""

    false_alarms: int
    tenants: int
    threshold: float


class Quarter(NamedTuple):
    """What became of a group: its weeks, its real incidents, and those found by the last thresholds in replay."""

    weeks: Sequence[Week]
    incidents: int
    found: int
    changes: int


class _Found(NamedTuple):
    week: int
    score: float
    is_real: bool
    verdict: str
    recall: float


class _Tenant:
    """One tenant's detector over a quarter. Scores are drawn beforehand: runs of a seed differ in thresholds only."""

    def __init__(self, group: Group, rng: np.random.Generator) -> None:
        self.detector = group.detector
        self.threshold = DEFAULTS[group.detector]
        self.changed_week = 0
        self._recall = 1.0
        self.found: list[_Found] = []
        self._events = sorted((*self._false(group, rng), *self._real(group, rng)))
        self._answers = rng.random((len(self._events), 3))

    def _false(self, group: Group, rng: np.random.Generator) -> list[tuple[int, float, bool]]:
        weeks = rng.integers(0, WEEKS, rng.poisson(group.false_alarms * WEEKS)).tolist()
        return [(week, self.threshold + float(rng.exponential(group.tail)), False) for week in weeks]

    def _real(self, group: Group, rng: np.random.Generator) -> list[tuple[int, float, bool]]:
        def excess() -> float:
            return float(rng.exponential(_WEAK) if rng.random() < group.weak else rng.lognormal(*_STRONG))

        weeks = rng.integers(0, WEEKS, rng.poisson(_INCIDENTS * WEEKS)).tolist()
        return [(week, self.threshold + excess(), True) for week in weeks]

    def live(self, week: int) -> int:
        """Live through a week; return its false alarms."""
        new = [
            _Found(week, score, is_real, self._verdict(place, is_real=is_real), self._recall)
            for place, (when, score, is_real) in enumerate(self._events)
            if when == week and score >= self.threshold
        ]
        self.found += new
        return sum(not one.is_real for one in new)

    def _verdict(self, place: int, *, is_real: bool) -> str:
        """Return what somebody says of a finding; empty: nobody says anything."""
        answers, knows, errs = self._answers[place].tolist()
        if answers >= ANSWERED:
            return ""
        if not is_real and knows < _KNOWN:
            return "known"
        return "real" if is_real != (errs < WRONG) else "false_alarm"

    def verdicts(self, week: int) -> Verdicts:
        """Return the verdicts since the threshold last changed, as they are after a week."""
        since = max(self.changed_week, week + 1 - _WINDOW_WEEKS)
        mine = [one.verdict for one in self.found if one.week >= since]
        real, false, known = (mine.count(name) for name in ("real", "false_alarm", "known"))
        return Verdicts(len(mine), real, false, known, float(week + 1 - since))

    def recall(self, week: int, threshold: float) -> Recall:
        """Return how many of the findings that were confirmed in the last weeks a threshold finds."""
        confirmed = [one for one in self.found if one.verdict == "real" and one.week > week - _REPLAYED_WEEKS][-20:]
        return Recall(sum(one.recall for one in confirmed if one.score >= threshold), len(confirmed))

    def tune(self, week: int, kind: Kind, goals: Goals) -> bool:
        """Set the threshold by the verdicts; return whether it changed."""
        evidence = VerdictEvidence(self.verdicts(week), kind.verdicts)

        def replay(threshold: float) -> Recall:
            everywhere = [one.recall(week, threshold) for one in kind.tenants]
            real = sum(one.real for one in everywhere)
            usual = sum(one.found for one in everywhere) / real if real else None
            return self.recall(week, threshold)._replace(usual=usual)

        proposal = propose(evidence, self.threshold, bounds_of(self.detector), goals, replay)
        if proposal.is_change:
            self.threshold, self.changed_week = proposal.new, week + 1
            self._recall = proposal.recall.share
        return proposal.is_change

    @property
    def incidents(self) -> list[float]:
        """The scores of all that was real."""
        return [score for _, score, is_real in self._events if is_real]


def quarter(groups: Sequence[Group], goals: Goals, *, seed: int, learns: bool = True) -> Mapping[str, Quarter]:
    """Return what becomes of each group; ``learns`` says whether thresholds follow the verdicts."""
    rng = np.random.default_rng(seed)
    tenants = {group.name: [_Tenant(group, rng) for _ in range(group.tenants)] for group in groups}
    weeks: defaultdict[str, list[Week]] = defaultdict(list)
    changes = dict.fromkeys(tenants, 0)
    for week in range(WEEKS):
        for name, mine in tenants.items():
            false = sum(one.live(week) for one in mine)
            weeks[name].append(Week(false, len(mine), float(np.mean([one.threshold for one in mine]))))
        if learns:
            kinds = _kinds([one for mine in tenants.values() for one in mine], week)
            for name, mine in tenants.items():
                changes[name] += sum(one.tune(week, kinds[one.detector], goals) for one in mine)
    return {
        name: Quarter(
            weeks[name],
            sum(len(one.incidents) for one in mine),
            sum(score >= one.threshold for one in mine for score in one.incidents),
            changes[name],
        )
        for name, mine in tenants.items()
    }


class Kind(NamedTuple):
    """A detector at all tenants."""

    tenants: Sequence[_Tenant]
    verdicts: Verdicts


def _kinds(tenants: Sequence[_Tenant], week: int) -> Mapping[str, Kind]:
    found = {}
    for detector in dict.fromkeys(one.detector for one in tenants):
        mine = [one for one in tenants if one.detector == detector]
        verdicts = Verdicts()
        for one in mine:
            verdicts = verdicts.plus(one.verdicts(week))
        found[detector] = Kind(mine, verdicts)
    return found
