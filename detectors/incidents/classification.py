"""Classifies an incident by its channels and by the kinds of errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from detectors.incidents.evidence import Evidence, ratio

# Below this share of failing queries timeouts mean slowness; above it, an outage.
_MOSTLY_FAILING: Final = 30.0
_HALF: Final = 0.5
_SOME: Final = 0.15
# A step is complete when the longest window holds nothing older; a gradual degradation still rises then. Until then, a
# jump of this size counts as a step.
_JUMP: Final = 1.8
_STILL_RISING: Final = 1.12
_TIME_TO_RISE: Final = timedelta(minutes=25)

# Kinds of the remaining channels; the first channel with a signal decides.
_BY_CHANNEL: Final = {
    "stale_sync": "stale_sync",
    "empty_sync": "empty_sync",
    "sync_interrupted": "interrupted_sync",
    "sync_failing": "sync_failing",
}


def name(evidence: Evidence) -> str:
    """Return the kind of an incident."""
    if "errors" in evidence.worst:
        return _by_errors(evidence)
    if "rate_limit" in evidence.worst:
        return "rate_limit_exhaustion"
    for channel in ("stale_sync", "empty_sync"):
        if channel in evidence.worst:
            return channel
    if "latency" in evidence.worst:
        return _by_latency(evidence)
    for channel, kind in _BY_CHANNEL.items():
        if channel in evidence.worst:
            return kind
    return _by_volume(evidence)


def _by_errors(evidence: Evidence) -> str:
    worst = evidence.worst
    dominant = evidence.dominant_error
    if dominant == "rate_limit" or ("rate_limit" in worst and evidence.error_share("rate_limit") >= _SOME):
        return "rate_limit_exhaustion"
    if dominant in {"not_found", ""}:
        for channel in ("stale_sync", "empty_sync"):
            if channel in worst:
                return channel
    if evidence.error_share("provider_down", "timeout") < _HALF:
        return "error_burst"
    if evidence.error_share("provider_down") >= _SOME or worst["errors"].observed >= _MOSTLY_FAILING:
        return "provider_outage"
    return _by_latency(evidence) if "latency" in worst else "error_burst"


def _by_latency(evidence: Evidence) -> str:
    first, worst = evidence.first["latency"], evidence.worst["latency"]
    if evidence.settled is not None and ratio(worst) >= _STILL_RISING * evidence.settled:
        return "latency_creep"
    undecided = evidence.at - first.at < _TIME_TO_RISE
    return "latency_creep" if undecided and ratio(first) < _JUMP else "latency"


def _by_volume(evidence: Evidence) -> str:
    signal = evidence.worst["volume"]
    return "volume_drop" if signal.observed < signal.expected else "volume_surge"
