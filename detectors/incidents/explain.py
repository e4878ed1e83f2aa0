"""Builds the text of an incident: title, summary, contributing factors, actions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from detectors.incidents.classification import name
from detectors.incidents.evidence import Evidence, ratio
from detectors.incidents.formatting import number, provider_name, span, spread, when
from detectors.incidents.kinds import KINDS, actions_for, title_of
from detectors.incidents.severity import confidence, severity
from detectors.incidents.signals import Signal
from detectors.insight_factory import InsightPeriod, Values, new_insight
from models.counting import counted
from models.insights import Insight

MODEL_VERSION: Final = "incidents-1"
# Error kinds with a smaller share of the additional failures are left out.
_NOTABLE_SHARE: Final = 0.05


def explained(
    evidence: Evidence,
    *,
    tenant: UUID,
    provider: str,
    ended_at: datetime | None,
) -> Insight:
    """Return the insight for an incident's evidence."""
    kind = name(evidence)
    shown = provider_name(provider)
    error_kind = evidence.dominant_error if "errors" in evidence.worst else ""
    channel = next(channel for channel in KINDS[kind].channels if channel in evidence.worst)
    headline = evidence.worst[channel]
    period = when(evidence.started_at, ended_at)
    sentence = f"{_capital(_SENTENCES[channel](headline, shown))}; {period}"
    mostly = f"; mostly {error_kind}" if channel == "errors" and error_kind else ""
    return new_insight(
        InsightPeriod(
            "performance_anomaly",
            tenant,
            subject=provider,
            started_at=evidence.started_at,
            updated_at=evidence.at,
            ended_at=ended_at,
            provider=provider,
        ),
        kind=kind,
        severity=severity(kind, evidence),
        title=_title(kind, error_kind, headline, shown),
        summary=f"{sentence}{mostly}.",
        confidence=confidence(evidence),
        values=Values(headline.observed, headline.expected, headline.lower, headline.upper, headline.unit),
        factors=_factors(evidence, channel, shown),
        actions=actions_for(kind, error_kind, shown),
        model_version=MODEL_VERSION,
    )


def _title(kind: str, error_kind: str, headline: Signal, shown: str) -> str:
    if kind == "rate_limit_exhaustion" and (headline.channel == "errors" or headline.detail == "0"):
        return f"The API quota of {shown} is used up"
    return title_of(kind, error_kind).format(
        name=shown,
        observed=number(headline.observed),
        expected=number(headline.expected),
        observed_queries=_queries(headline.observed),
        observed_span=span(headline.observed),
    )


def _factors(evidence: Evidence, headline: str, shown: str) -> tuple[str, ...]:
    """Return the contributing factors: other channels, error kinds, and the sample size."""
    factors = []
    headline_signal = evidence.worst[headline]
    if headline in {"errors", "latency", "volume"} and headline_signal.detail:
        factors.append(f"Seen: {headline_signal.detail}.")
    if "errors" in evidence.worst:
        factors.extend(_error_shares(evidence))
    for channel, signal in evidence.worst.items():
        if channel != headline:
            sentence = _SENTENCES[channel](signal, shown)
            factors.append(f"Also: {sentence}.")
    return tuple(factors)


def _error_shares(evidence: Evidence) -> list[str]:
    notable = [kind for kind in evidence.error_kinds if evidence.error_share(kind) >= _NOTABLE_SHARE]
    by_share = sorted(notable, key=lambda kind: -evidence.error_kinds[kind])
    shares = [f"{kind} {100 * evidence.error_share(kind):.0f} %" for kind in by_share]
    return [f"Additional failures by kind: {', '.join(shares)}."] if shares else []


def _errors(signal: Signal, shown: str) -> str:
    return (
        f"{shown} answers {number(signal.observed)} % of queries with errors, "
        f"expected {spread(signal.lower, signal.upper)} %"
    )


def _latency(signal: Signal, shown: str) -> str:
    return (
        f"{shown} takes {number(signal.observed)} ms to answer, {number(ratio(signal))} times the usual "
        f"{number(signal.expected)} ms (expected {spread(signal.lower, signal.upper)} ms)"
    )


def _volume(signal: Signal, shown: str) -> str:
    return (
        f"{shown} gets {_queries(signal.observed)} per minute, "
        f"expected {spread(signal.lower, signal.upper)} at this hour"
    )


def _queries(rate: float) -> str:
    return counted(rate, "query", shown=number(rate))


def _stale(signal: Signal, shown: str) -> str:
    return (
        f"the last sync of {shown} was {span(signal.observed)} ago, usually there is one every "
        f"{span(signal.expected)}, and the status says nothing of it"
    )


def _empty(signal: Signal, shown: str) -> str:
    return (
        f"{counted(int(signal.detail), 'sync job')} of {shown} in a row succeeded with hardly a record, "
        f"usually one brings about {number(signal.expected)}"
    )


def _interrupted(signal: Signal, shown: str) -> str:
    usual = f", such jobs take {span(signal.expected)}" if signal.expected > 0 else ""
    return f"a sync job of {shown} has been running for {span(signal.observed)}{usual}; it counts as interrupted"


def _failing(signal: Signal, shown: str) -> str:
    with_kind = f" with {signal.detail}" if signal.detail else ""
    return (
        f"{number(signal.observed)} % of the last sync jobs of {shown} failed{with_kind}, "
        f"usually {number(signal.expected)} % do"
    )


def _quota(signal: Signal, shown: str) -> str:
    if signal.detail == "0":
        left = "nothing of it is left"
    else:
        left = f"at this pace it is used up in {span(float(signal.detail) / 60)}"
    return (
        f"{number(signal.observed)} % of the API quota of {shown} is used, on ordinary days at most "
        f"{number(signal.expected)} %; {left}"
    )


_SENTENCES: Final[dict[str, Callable[[Signal, str], str]]] = {
    "errors": _errors,
    "latency": _latency,
    "volume": _volume,
    "stale_sync": _stale,
    "empty_sync": _empty,
    "sync_interrupted": _interrupted,
    "sync_failing": _failing,
    "rate_limit": _quota,
}


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
