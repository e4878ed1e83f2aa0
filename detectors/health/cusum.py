"""CUSUM chart: detects when jobs fail more often than usual."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

# Learning rate while the chart is near its threshold.
_WHILE_ALARMING: Final = 0.02
_FORGET_AFTER: Final = 500.0
# After a good job the chart is capped at this much above its threshold: one more good job ends the alarm.
_MARGIN: Final = 0.3
# Weight of one job in ``recent_share``.
_RECENT: Final = 0.3
# Prior pseudo-counts: (bad, good) after a good job, and the number after a bad one.
_PRIOR_AFTER_GOOD: Final = (0.5, 19.5)
_PRIOR_AFTER_BAD: Final = 8.0
_RAREST: Final = 0.01


@dataclass(slots=True)
class Cusum:
    """Detects when more jobs are bad than usual here: a CUSUM of log10 likelihood ratios.

    The probability of a bad job depends on whether the previous one was bad: recurring runs of bad jobs, such as quiet
    nights without records, are learned as normal.

    Parameters
    ----------
    alternative
        Share of bad jobs when something is wrong.
    threshold
        ``surprise`` at which the chart alarms.
    bad_again
        Prior probability that a bad job follows a bad one in normal times.
    """

    alternative: float
    threshold: float
    bad_again: float
    surprise: float = 0.0
    run: int = 0
    recent_share: float = 0.0
    bad_after_good: float = 0.0
    good_after_good: float = 0.0
    bad_after_bad: float = 0.0
    good_after_bad: float = 0.0

    @property
    def alarming(self) -> bool:
        """Whether significantly more jobs are bad than usual."""
        return self.surprise >= self.threshold

    @property
    def usual_share(self) -> float:
        """The share of bad jobs in normal times."""
        bad = self.bad_after_good + self.bad_after_bad
        return bad / max(bad + self.good_after_good + self.good_after_bad, 1.0)

    def learn(self, bad: bool) -> None:
        """Add the next job."""
        chance = self._chance()
        if bad:
            self.surprise += math.log10(self.alternative / chance)
        else:
            settled = min(self.surprise, self.threshold + _MARGIN)
            self.surprise = settled + math.log10((1.0 - self.alternative) / (1.0 - chance))
        self.surprise = max(self.surprise, 0.0)
        self._count(bad, _WHILE_ALARMING if self.alarming else 1.0)
        self.recent_share += _RECENT * (bad - self.recent_share)
        self.run = self.run + 1 if bad else 0

    def _chance(self) -> float:
        if self.run:
            bad, good, prior = (
                self.bad_after_bad,
                self.good_after_bad,
                (_PRIOR_AFTER_BAD * self.bad_again, _PRIOR_AFTER_BAD * (1.0 - self.bad_again)),
            )
        else:
            bad, good, prior = self.bad_after_good, self.good_after_good, _PRIOR_AFTER_GOOD
        return max((bad + prior[0]) / (bad + good + sum(prior)), _RAREST)

    def _count(self, bad: bool, weight: float) -> None:
        keep = 1.0 - weight / _FORGET_AFTER
        if self.run:
            self.bad_after_bad = self.bad_after_bad * keep + weight * bad
            self.good_after_bad = self.good_after_bad * keep + weight * (not bad)
        else:
            self.bad_after_good = self.bad_after_good * keep + weight * bad
            self.good_after_good = self.good_after_good * keep + weight * (not bad)

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Cusum:
        """Return a chart restored from this state."""
        return cls(**state)
