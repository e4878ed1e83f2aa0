"""Severity and confidence of an incident."""

from __future__ import annotations

from typing import Final

from detectors.incidents.evidence import Evidence
from detectors.incidents.kinds import KINDS
from models.insights import Severity

# Half of the queries fail: the AI answers customers without this integration.
_CRITICAL_ERRORS: Final = 50.0
_SUREST: Final = 0.99


def severity(kind: str, evidence: Evidence) -> Severity:
    """Return the severity of an incident of a kind, from the worst signal of each channel."""
    worst, rule = evidence.worst, KINDS[kind]
    if ("errors" in worst and worst["errors"].observed >= _CRITICAL_ERRORS) or rule.is_critical(evidence):
        return "critical"
    return "info" if rule.is_mild(evidence) else "warning"


def confidence(evidence: Evidence) -> float:
    """Return the confidence, 0.5 to 0.99: 0.5 at the threshold, more with higher scores and more channels."""
    doubt = 1.0
    for signal in evidence.worst.values():
        doubt *= 0.5 * 10.0 ** (-0.5 * max(signal.score - signal.threshold, 0.0))
    return min(1.0 - doubt, _SUREST)
