"""Simulated series of a tenant's integration: ordinary traffic, blips that are no problem, and real incidents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np

from detectors.performance.detector import PerformanceDetector
from detectors.thresholds import DEFAULTS

STEP: Final = timedelta(minutes=15)
PER_DAY: Final = 96
_CALLS: Final = 60.0
_ERRORS: Final = 0.02
_LOG_LATENCY, _SPREAD = 5.5, 0.6
# A finding goes on while there is another alarm within half an hour.
_GAP: Final = 2
_LEARNING_DAYS: Final = 15
# An incident is found by a finding that begins during it, or until two steps later.
_LATE: Final = 2
# Real incidents a week, of each detector; a fifth of them is weak.
_INCIDENTS: Final = 0.7
_WEAK: Final = 0.2


class Tenant(NamedTuple):
    """Blips per week and detector; ``size`` is how far beyond the ordinary they are."""

    blips: Mapping[str, float]
    size: float = 1.0


class Incident(NamedTuple):
    """Something that was wrong: steps from ``start`` on, before ``end``."""

    detector: str
    start: int
    end: int


class Finding(NamedTuple):
    """What a detector found: the steps of its first and last alarm."""

    detector: str
    start: int
    last: int


class TenantSeries:
    """A quarter of one tenant: calls, failed calls and latency by step, and what was really wrong."""

    def __init__(self, tenant: Tenant, days: int, rng: np.random.Generator) -> None:
        self.steps = days * PER_DAY
        hours = np.arange(self.steps) % PER_DAY / PER_DAY
        self.calls = rng.poisson(_CALLS * (1.0 + 0.4 * np.sin(2 * np.pi * hours)))
        share = np.full(self.steps, _ERRORS)
        shift = np.zeros(self.steps)
        self.incidents: list[Incident] = []
        for detector in ("errors", "latency"):
            self._add_blips(detector, tenant, share, shift, rng)
        for detector in ("errors", "latency"):
            self._add_incidents(detector, share, shift, rng)
        self.failed = rng.binomial(self.calls, np.minimum(share, 0.98))
        noise = rng.normal(0.0, _SPREAD, self.steps) / np.sqrt(np.maximum(self.calls, 1))
        mean = _LOG_LATENCY + shift + noise
        self.log_sum = self.calls * mean
        self.log_squares = self.calls * (mean**2 + _SPREAD**2)

    def _add_blips(
        self, detector: str, tenant: Tenant, share: np.ndarray, shift: np.ndarray, rng: np.random.Generator
    ) -> None:
        count = rng.poisson(tenant.blips.get(detector, 0.0) * self.steps / PER_DAY / 7)
        for start in rng.integers(_LEARNING_DAYS * PER_DAY // 3, self.steps - 8, count):
            strength = tenant.size * rng.exponential(1.0)
            if detector == "errors":
                share[start] += 0.12 + 0.035 * strength
            else:
                shift[start] += 0.45 + 0.1 * strength

    def _add_incidents(self, detector: str, share: np.ndarray, shift: np.ndarray, rng: np.random.Generator) -> None:
        count = rng.poisson(_INCIDENTS * self.steps / PER_DAY / 7)
        for start in sorted(rng.integers(_LEARNING_DAYS * PER_DAY // 3, self.steps - 40, count)):
            end = int(start) + int(rng.integers(4, 24))
            weak = rng.random() < _WEAK
            if detector == "errors":
                share[start:end] += rng.uniform(0.18, 0.25) if weak else rng.uniform(0.3, 0.9)
            else:
                shift[start:end] += rng.uniform(0.5, 0.7) if weak else rng.uniform(0.8, 2.0)
            self.incidents.append(Incident(detector, int(start), end))

    def alarms(
        self, detector: PerformanceDetector, start: int, end: int, thresholds: Mapping[str, float] = DEFAULTS
    ) -> Iterator[tuple[int, str]]:
        """Yield the step and the channel of each alarm of some steps; the detector goes on where it stopped."""
        detector.set_thresholds(thresholds)
        for step in range(start, end):
            verdict = detector.process_one(
                {
                    "time": step * STEP.total_seconds(),
                    "count": int(self.calls[step]),
                    "errors": int(self.failed[step]),
                    "log_latency_sum": float(self.log_sum[step]),
                    "log_latency_squares": float(self.log_squares[step]),
                }
            )
            for signal in verdict.signals:
                yield step, signal.channel

    def findings(self, start: int, end: int, thresholds: Mapping[str, float]) -> list[Finding]:
        """Return the findings of some steps, of a detector that learns from the two weeks before them."""
        detector = PerformanceDetector(STEP)
        begin = max(start - _LEARNING_DAYS * PER_DAY, 0)
        return grouped(self.alarms(detector, begin, end, thresholds), start)

    def is_real(self, finding: Finding) -> bool:
        """Whether something was wrong, of any kind."""
        return any(one.start <= finding.last and finding.start <= one.end + _LATE for one in self.incidents)


def finds(finding: Finding, incident: Incident) -> bool:
    """Whether a finding is about an incident, by its own detector."""
    overlaps = incident.start <= finding.last and finding.start <= incident.end + _LATE
    return finding.detector == incident.detector and overlaps


def grouped(alarms: Iterator[tuple[int, str]], since: int = 0) -> list[Finding]:
    """Return alarms as findings, in order; those that begin before ``since`` are left out."""
    last: dict[str, Finding] = {}
    found: list[Finding] = []
    for step, channel in alarms:
        known = last.get(channel)
        if known is not None and step - known.last <= _GAP:
            last[channel] = known._replace(last=step)
        else:
            if known is not None:
                found.append(known)
            last[channel] = Finding(channel, step, step)
    return sorted((one for one in (*found, *last.values()) if one.start >= since), key=lambda one: one.start)
