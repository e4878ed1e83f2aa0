"""Queries to integrations: type, success, response time, data age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from simulator.arrays import Bools, Floats, Ints, pick
from simulator.catalogue import kind_index
from simulator.conversations import Conversations
from simulator.disturbances import Disturbances
from simulator.query_table import QueryTable
from simulator.rhythm import intensity
from simulator.syncs import JobLog
from simulator.tenants import SimulatedTenant
from simulator.times import MINUTE_MS, SECOND_MS

NO_ERROR: Final = -1
LATEST_QUERY_MS: Final = 60 * MINUTE_MS
"""No query is asked later than this after its conversation began."""

_STAYS_AT_PROVIDER: Final = 0.6
_MAX_PAUSE_MS: Final = 10 * MINUTE_MS
# Hours without a sync after which misses increase.
_FRESH_HOURS, _MISSED, _MISSED_PER_HOUR, _MAX_MISSED = 1.5, 0.006, 0.08, 0.40
_NOT_FOUND: Final = kind_index("not_found")
_TIMEOUT: Final = kind_index("timeout")
# Failures have response times of their own: median ms and spread by error kind.
_REFUSALS: Final = {
    kind_index("provider_down"): (900.0, 0.8),
    kind_index("rate_limit"): (60.0, 0.4),
    kind_index("auth"): (90.0, 0.4),
    kind_index("permission"): (90.0, 0.4),
}


class Measured(NamedTuple):
    """Values of one measure, and which of them are sent; integers where the contract wants whole numbers."""

    values: Floats | Ints
    given: Bools


@dataclass(frozen=True)
class Queries:
    """Queries of one tenant, one row each, by conversation.

    ``conversation`` is a row of ``Conversations``, ``entry`` one of ``QueryTable``, ``error_kind`` a position in
    ``ERROR_KINDS`` or ``NO_ERROR``. ``measures`` has a column for each of ``QUERY_MEASURES``.
    """

    conversation: Ints
    at: Ints
    entry: Ints
    link: Ints
    success: Bools
    error_kind: Ints
    response_ms: Ints
    measures: Mapping[str, Measured]


@dataclass(frozen=True)
class _Blip:
    link: int
    begin: int
    end: int
    slower: float
    failing: float


def draw(
    rng: np.random.Generator,
    tenant: SimulatedTenant,
    table: QueryTable,
    *,
    conversations: Conversations,
    jobs: JobLog,
    disturbances: Disturbances,
    block: tuple[int, int],
) -> Queries:
    """Return the queries of conversations that began in ``block`` (``[begin, end)`` in ms)."""
    conversation, at, entry = _asked(rng, table, conversations)
    link, count = table.link[entry], len(at)
    blips = _blips(rng, len(tenant.links), block)
    age = jobs.age_hours(link, at)
    freshness = age + table.lag_hours[entry] * rng.lognormal(0.0, 0.6, count)

    likely, incident_kind = disturbances.failures(link, at, rng.random(count))
    missed = np.clip(_MISSED + _MISSED_PER_HOUR * (age - _FRESH_HOURS), _MISSED, _MAX_MISSED)
    ordinary = table.error_rate[entry] + _failing(blips, link, at)
    chance = rng.random(count)
    to_missed = likely + (1.0 - likely) * missed
    to_ordinary = to_missed + (1.0 - to_missed) * ordinary
    ordinary_kind = (rng.random(count)[:, None] >= table.error_shares[link]).sum(axis=1)
    error_kind = np.select(
        [chance < likely, chance < to_missed, chance < to_ordinary],
        [incident_kind, np.full(count, _NOT_FOUND), ordinary_kind],
        NO_ERROR,
    )
    success = error_kind == NO_ERROR
    slower = disturbances.slowdown(link, at) * _slower(blips, link, at) * (0.9 + 0.1 * intensity(tenant, at))
    stale = np.minimum(freshness, 24.0)
    noise = rng.normal(size=(3, count))
    logs = table.log_median[entry] + table.spread[entry] * noise[0] + np.log(slower)
    return Queries(
        conversation=conversation,
        at=at,
        entry=entry,
        link=link,
        success=success,
        error_kind=error_kind,
        response_ms=_response_ms(logs, error_kind, noise[0], rng.random(count)),
        measures={
            "data_freshness_hours": Measured(freshness, success | (error_kind == _NOT_FOUND)),
            "ai_confidence_score": Measured(
                np.clip(np.where(success, 0.90 - 0.012 * stale, 0.46) + 0.06 * noise[1], 0.02, 0.995),
                rng.random(count) < 0.98,
            ),
            "customer_satisfaction_impact": Measured(
                np.clip(np.where(success, 0.45 - 0.015 * stale, -0.35) + 0.2 * noise[2], -1.0, 1.0),
                rng.random(count) < 0.7,
            ),
        },
    )


def _asked(rng: np.random.Generator, table: QueryTable, conversations: Conversations) -> tuple[Ints, Ints, Ints]:
    conversation = np.repeat(np.arange(len(conversations)), conversations.queries)
    count = len(conversation)
    first_row = (np.cumsum(conversations.queries) - conversations.queries)[conversation]
    is_first = np.arange(count) == first_row
    pause = np.minimum(4 * SECOND_MS + rng.exponential(40 * SECOND_MS, count), _MAX_PAUSE_MS).astype(np.int64)
    pause[is_first] //= 4
    elapsed = np.cumsum(pause)
    at = conversations.start[conversation] + elapsed - elapsed[first_row] + pause[first_row]

    uniform = rng.random(count)
    entry = pick(table.shares, uniform)
    # Later questions often go where the first one went: the same draw, squeezed into that link's share.
    link = table.link[entry[first_row]]
    stays = ~is_first & (rng.random(count) < _STAYS_AT_PROVIDER)
    squeezed = pick(table.shares, np.minimum(table.link_low[link] + uniform * table.link_width[link], 1.0 - 1e-12))
    return conversation, at, np.where(stays, squeezed, entry)


def _response_ms(logs: Floats, error_kind: Ints, noise: Floats, uniform: Floats) -> Ints:
    """Return response times from the logarithms of those of successes; failures have their own distribution."""
    for kind, (median, spread) in _REFUSALS.items():
        refused = error_kind == kind
        logs[refused] = np.log(median) + spread * noise[refused]
    response = np.exp(logs)
    waited = error_kind == _TIMEOUT
    response[waited] = 10_000.0 + 20_000.0 * uniform[waited]
    return np.clip(np.rint(response), 1, 120_000).astype(np.int64)


def _blips(rng: np.random.Generator, links: int, block: tuple[int, int]) -> list[_Blip]:
    """Return occasional minutes that are slightly worse: noise that is not an incident."""
    blips = []
    for _ in range(int(rng.poisson(0.3))):
        begin = int(rng.integers(*block))
        length = int(rng.integers(2, 6)) * MINUTE_MS
        slow = bool(rng.random() < 0.5)
        size = float(rng.random())
        blips.append(
            _Blip(
                link=int(rng.integers(links)),
                begin=begin,
                end=begin + length,
                slower=1.15 + 0.3 * size if slow else 1.0,
                failing=0.0 if slow else 0.02 + 0.04 * size,
            )
        )
    return blips


def _slower(blips: list[_Blip], link: Ints, at: Ints) -> Floats:
    factor = np.ones(len(at))
    for blip in blips:
        factor[(link == blip.link) & (at >= blip.begin) & (at < blip.end)] *= blip.slower
    return factor


def _failing(blips: list[_Blip], link: Ints, at: Ints) -> Floats:
    extra = np.zeros(len(at))
    for blip in blips:
        extra[(link == blip.link) & (at >= blip.begin) & (at < blip.end)] += blip.failing
    return extra
