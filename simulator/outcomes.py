"""Outcomes and returns of conversations, which depend on the integration data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.arrays import Bools, Floats, Ints, cumulative, pick, sigmoid
from simulator.conversations import STAGES, Conversations
from simulator.effects import EFFECTS
from simulator.evidence import IntegrationUse
from simulator.times import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

TYPES: Final = (
    "resolved",
    "converted",
    "upsold",
    "escalated",
    "abandoned",
    "unresolved",
    "cancelled",
    "reopened",
)
RESOLVED, CONVERTED, UPSOLD, ESCALATED, ABANDONED, UNRESOLVED, CANCELLED, REOPENED = range(len(TYPES))
HANDLED_BY: Final = ("ai", "mixed", "human")
AI, MIXED, HUMAN = range(len(HANDLED_BY))
REASONS: Final = ("missing_data", "integration_error", "low_confidence", "customer_request", "policy_exception")
NO_REASON: Final = -1

MAX_MS: Final = 8 * HOUR_MS
"""No conversation takes longer than this to its first end."""
LAST_WORD_MS: Final = MAX_MS + 6 * DAY_MS + 8 * HOUR_MS
"""No event comes later than this after its conversation began."""

_STAGE_RESOLVES: Final[Floats] = np.array([0.30, 0.10, 0.35, 0.0, 0.5])
_STAGE_CONVERTS: Final[Floats] = np.array([-3.0, -1.5, -0.4, -2.8, -2.5])
# By channel, in the order of customers.CHANNELS: e-mail is slow and hard, chat is quick.
_CHANNEL_RESOLVES: Final[Floats] = np.array([0.10, 0.05, -0.20, -0.05, 0.0])
_CHANNEL_MINUTES: Final[Floats] = np.array([1.0, 1.2, 3.0, 1.5, 1.3])
_UNRESOLVED_SHARES: Final = cumulative((0.50, 0.30, 0.20))
_TYPE_SATISFACTION: Final[Floats] = np.array([0.35, 0.45, 0.45, -0.15, -0.9, -0.6, -0.8, 0.0])
_ESCALATED_TAKES: Final = 4.0
_REOPEN_LOG_ODDS: Final = -2.9
_CLOSES_AGAIN: Final = 0.7


@dataclass(frozen=True)
class Outcomes:
    """Ends and returns of conversations, one row per event; ``conversation`` is a row of ``Conversations``.

    ``cents`` is the value in hundredths of the tenant's currency; ``_given`` columns say what is sent at all.
    ``handled_by`` and ``reason`` are positions in ``HANDLED_BY`` and ``REASONS``, -1 where nothing is sent.
    """

    conversation: Ints
    at: Ints
    type: Ints
    minutes: Ints
    minutes_given: Bools
    satisfaction: Floats
    satisfaction_given: Bools
    cents: Ints
    cents_given: Bools
    handled_by: Ints
    reason: Ints


def draw(
    rng: np.random.Generator, conversations: Conversations, evidence: IntegrationUse, order_value: float
) -> tuple[Outcomes, Floats]:
    """Return the first end of every conversation, and the true chance of conversion of each."""
    count, visitors = len(conversations), conversations.visitors
    used, stale, gap = evidence.used, evidence.stale_hours, evidence.gap
    converts = sigmoid(
        _STAGE_CONVERTS[conversations.stage]
        + EFFECTS.conversion_log_odds_with_data * used
        + EFFECTS.conversion_log_odds_per_stale_hour * stale
        + EFFECTS.conversion_log_odds_with_gap * gap
    )
    kind = _type(rng, conversations, evidence, converts)
    handled_by, reason = _handling(rng, kind, evidence)
    minutes_ms = _duration(rng, conversations, evidence, kind)
    at = np.maximum(conversations.start + minutes_ms, evidence.last_at + 5 * SECOND_MS)

    satisfaction = (
        3.45
        + _TYPE_SATISFACTION[kind]
        + EFFECTS.satisfaction_with_data * used
        + EFFECTS.satisfaction_per_stale_hour * stale
        + EFFECTS.satisfaction_with_gap * gap
        + EFFECTS.satisfaction_at_full_drift * visitors.drift
        + EFFECTS.satisfaction_when_ready * visitors.ready
        + rng.normal(0.0, 0.5, count)
    )
    sells = (kind == CONVERTED) | (kind == UPSOLD)
    value = order_value * np.where(kind == UPSOLD, 2.0, 1.0) * rng.lognormal(0.0, 0.7, count)
    outcomes = Outcomes(
        conversation=np.arange(count),
        at=at,
        type=kind,
        minutes=np.rint((at - conversations.start) / MINUTE_MS).astype(np.int64),
        minutes_given=kind != ABANDONED,
        satisfaction=np.asarray(np.clip(satisfaction, 1.0, 5.0).round(1), dtype=np.float64),
        satisfaction_given=rng.random(count) < np.where(kind == ABANDONED, 0.05, 0.4),
        cents=np.where(sells, np.clip(np.rint(value * 100.0), 1, 9_999_999_999), 0).astype(np.int64),
        cents_given=sells | (rng.random(count) < 0.5),
        handled_by=handled_by,
        reason=reason,
    )
    return outcomes, converts


def draw_returns(
    rng: np.random.Generator, conversations: Conversations, evidence: IntegrationUse, ends: Outcomes
) -> Outcomes:
    """Return the returns of resolved conversations within days.

    Each has a row ``reopened``; most have another, hours later, where a person resolves it for good.
    """
    log_odds = (
        _REOPEN_LOG_ODDS
        + EFFECTS.reopen_log_odds_with_data * evidence.used
        + EFFECTS.reopen_log_odds_per_stale_hour * evidence.stale_hours
        + EFFECTS.reopen_log_odds_with_gap * evidence.gap
    )
    chance = rng.random(len(conversations))
    days = np.minimum(rng.lognormal(np.log(1.5), 0.8, len(conversations)), 6.0)
    hours = rng.uniform(0.5, 7.5, len(conversations))
    closes = rng.random(len(conversations)) < _CLOSES_AGAIN
    rows = np.flatnonzero((ends.type == RESOLVED) & (chance < sigmoid(log_odds)))
    back = ends.at[rows] + (days[rows] * DAY_MS).astype(np.int64)
    again = rows[closes[rows]]
    closed = back[closes[rows]] + (hours[again] * HOUR_MS).astype(np.int64)

    conversation, at = np.concatenate([rows, again]), np.concatenate([back, closed])
    is_close = np.arange(len(at)) >= len(rows)
    nothing = np.zeros(len(at), dtype=np.int64)
    return Outcomes(
        conversation=conversation,
        at=at,
        type=np.where(is_close, RESOLVED, REOPENED),
        minutes=np.rint((at - conversations.start[conversation]) / MINUTE_MS).astype(np.int64),
        minutes_given=is_close,
        satisfaction=np.ones(len(at)),
        satisfaction_given=np.zeros(len(at), dtype=np.bool_),
        cents=nothing,
        cents_given=np.zeros(len(at), dtype=np.bool_),
        handled_by=np.where(is_close, HUMAN, -1),
        reason=nothing + NO_REASON,
    )


def _type(rng: np.random.Generator, conversations: Conversations, evidence: IntegrationUse, converts: Floats) -> Ints:
    visitors, count = conversations.visitors, len(conversations)
    log_odds = (
        0.15
        + _STAGE_RESOLVES[conversations.stage]
        + _CHANNEL_RESOLVES[visitors.channel]
        + EFFECTS.resolution_log_odds_with_data * evidence.used
        + EFFECTS.resolution_log_odds_per_stale_hour * evidence.stale_hours
        + EFFECTS.resolution_log_odds_with_gap * evidence.gap
        + EFFECTS.resolution_log_odds_per_failed_query * np.minimum(evidence.failed, 2)
        + EFFECTS.resolution_log_odds_at_full_drift * visitors.drift
    )
    good = rng.random(count) < sigmoid(log_odds)
    converted = rng.random(count) < converts
    sells_more = np.where(visitors.ready, EFFECTS.upsell_probability_when_ready, EFFECTS.upsell_probability_otherwise)
    upsold = (rng.random(count) < sells_more) & (conversations.stage >= STAGES.index("purchase"))
    bad = ESCALATED + pick(_UNRESOLVED_SHARES, rng.random(count))
    kind = np.select([~good, upsold, converted], [bad, np.full(count, UPSOLD), np.full(count, CONVERTED)], RESOLVED)
    kind[conversations.cancels] = CANCELLED
    return kind


def _handling(rng: np.random.Generator, kind: Ints, evidence: IntegrationUse) -> tuple[Ints, Ints]:
    chance = rng.random(len(kind))
    to_person = (kind == ESCALATED) | (kind == CANCELLED)
    handled_by = np.where(to_person, np.where(chance < 0.6, HUMAN, MIXED), np.where(chance < 0.06, MIXED, AI))
    other = pick(cumulative((2.0, 3.0, 1.0)), rng.random(len(kind))) + REASONS.index("low_confidence")
    why = np.select([evidence.failed > 0, evidence.gap], [1, 0], other)
    return handled_by, np.where(kind == ESCALATED, why, NO_REASON)


def _duration(rng: np.random.Generator, conversations: Conversations, evidence: IntegrationUse, kind: Ints) -> Ints:
    minutes = (
        12.0
        * _CHANNEL_MINUTES[conversations.visitors.channel]
        * np.where(evidence.used, EFFECTS.resolution_minutes_factor_with_data, 1.0)
        * np.where(evidence.gap, EFFECTS.resolution_minutes_factor_with_gap, 1.0)
        * np.where(kind == ESCALATED, _ESCALATED_TAKES, 1.0)
        * rng.lognormal(0.0, 0.5, len(kind))
    )
    limit = MAX_MS - MINUTE_MS
    return np.clip(minutes * MINUTE_MS, MINUTE_MS, limit).astype(np.int64)
