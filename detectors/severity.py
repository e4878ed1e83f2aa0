"""How bad an incident is, and how sure we are that it is one."""

from __future__ import annotations

from typing import Final

from detectors.evidence import Evidence, ratio
from models.insights import Severity

# Critical: half of the queries fail; answers take four times as long; hardly any traffic is left; data is as old as
# 24 syncs, or a day. In ordinary words: the AI answers customers without this integration, or wrongly.
_CRITICAL_ERRORS: Final = 50.0
_CRITICAL_LATENCY: Final = 4.0
_CRITICAL_VOLUME: Final = 0.1
_CRITICAL_SYNCS, _CRITICAL_HOURS = 24.0, 24.0
# Information: more traffic than usual, or answers less than one and a half times as slow.
_MILD_LATENCY: Final = 1.5

_SUREST: Final = 0.99


def severity(kind: str, evidence: Evidence) -> Severity:
    """Return the severity of an incident of a kind, from the worst that each channel showed."""
    if _is_critical(kind, evidence):
        return "critical"
    if kind == "volume_surge":
        return "info"
    mild = kind in {"latency", "latency_creep"} and ratio(evidence.worst["latency"]) < _MILD_LATENCY
    return "info" if mild else "warning"


def confidence(evidence: Evidence) -> float:
    """Return 0.5 to 0.99: half for a signal at its threshold, more the further beyond and the more channels agree."""
    doubt = 1.0
    for signal in evidence.worst.values():
        doubt *= 0.5 * 10.0 ** (-0.5 * max(signal.score - signal.threshold, 0.0))
    return min(1.0 - doubt, _SUREST)


def _is_critical(kind: str, evidence: Evidence) -> bool:
    worst = evidence.worst
    if "errors" in worst and worst["errors"].observed >= _CRITICAL_ERRORS:
        return True
    match kind:
        case "latency" | "latency_creep":
            return ratio(worst["latency"]) >= _CRITICAL_LATENCY
        case "volume_drop":
            return ratio(worst["volume"]) <= _CRITICAL_VOLUME
        case "stale_sync":
            signal = worst["stale_sync"]
            return signal.observed >= _CRITICAL_HOURS or ratio(signal) >= _CRITICAL_SYNCS
    return False
