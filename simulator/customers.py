"""A tenant's customers: attributes, frequency of visits, churn, and readiness for upsell.

A pool has a fixed number of places. A customer leaves its place after ``TERM`` and a new one takes it, at a different
time for each place, so that some customers are always new. A customer's behaviour depends only on the seed, the place
and the turn, so it does not depend on the first simulated day.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from simulator.arrays import Bools, Floats, Ints, cumulative, pick
from simulator.seeds import Purpose, generator
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS

CHANNELS: Final = ("web_chat", "whatsapp", "email", "instagram", "messenger")
_CHANNEL_SHARES: Final = cumulative((5, 3, 2, 1, 1))
SEGMENTS: Final = ("new", "returning", "loyal", "vip")
_SEGMENT_SHARES: Final = cumulative((3, 4, 2, 1))

TERM_MS: Final = 180 * DAY_MS
DRIFT_MS: Final = 30 * DAY_MS
"""How long before leaving a customer begins to come less often and to be less content."""
READY_MS: Final = 45 * DAY_MS
"""How long a customer stays ready for more."""

STAYS, CHURNS, READY = 0, 1, 2
_FATE_SHARES: Final = cumulative((0.63, 0.25, 0.12))
_SAYS_SO: Final = 0.6
_TRIES: Final = 3
_COMES, _COMES_WHEN_READY, _DRIFT_COMES = 0.5, 0.9, 0.85
_USUAL_CHANNEL: Final = 0.75


@dataclass(frozen=True)
class _Turn:
    """The customers of one turn; all arrays have the pool's size, ``fate_at`` is in ms."""

    country: Ints
    segment: Ints
    channel: Ints
    fate: Ints
    fate_at: Ints
    says_so: Bools


@dataclass(frozen=True)
class Visitors:
    """Visiting customers, one row per conversation.

    ``drift`` grows from 0 to 1 in the ``DRIFT_MS`` before a customer leaves; ``known`` is false for visitors whom
    the tenant cannot name.
    """

    place: Ints
    turn: Ints
    known: Bools
    drift: Floats
    ready: Bools
    country: Ints
    segment: Ints
    channel: Ints


@dataclass(frozen=True)
class Fate:
    """A customer who leaves or becomes ready for more, and when (ms); ``says_so`` means an explicit cancellation."""

    place: int
    turn: int
    at: int
    says_so: bool


class Customers:
    """The pool of one tenant.

    Parameters
    ----------
    seed
        The scenario's seed.
    tenant
        The tenant of the customers.
    size
        Number of places.
    named_share
        Share of places whose customers are identified; the others are anonymous.
    """

    def __init__(self, seed: int, tenant: SimulatedTenant, size: int, named_share: float = 1.0) -> None:
        rng = generator(seed, Purpose.POOL, tenant.key)
        self.size = size
        self._named = round(size * named_share)
        self.country_texts = tuple(json.dumps(country) for country in tenant.countries)
        self._country_shares = cumulative(list(tenant.countries.values()))
        self._activity = cumulative(rng.lognormal(0.0, 0.8, size))
        self._phase: Ints = rng.integers(0, TERM_MS, size)
        self._domain = f"{tenant.id.hex[:8]}.example"
        self._turn = lru_cache(maxsize=8)(lambda turn: self._draw_turn(seed, tenant.key, turn))

    def customer_id(self, place: int, turn: int) -> str:
        """Return the tenant's id of the customer: an e-mail address, as real tenants send."""
        return f"c{place:05d}-{turn}@{self._domain}"

    def choose(self, rng: np.random.Generator, at: Ints) -> Visitors:
        """Return the customers who visit at ascending times (ms); a few are anonymous."""
        count = len(at)
        places = pick(self._activity, rng.random((_TRIES, count)))
        turns = (at + self._phase[places]) // TERM_MS
        fate = self._of(places, turns, lambda held: held.fate)
        fate_at = self._of(places, turns, lambda held: held.fate_at)
        until = fate_at - at
        drift = np.where(fate == CHURNS, np.clip(1.0 - until / DRIFT_MS, 0.0, 1.0), 0.0)
        ready = (fate == READY) & (until <= 0) & (until > -READY_MS)
        comes = np.where(ready, _COMES_WHEN_READY, _COMES * (1.0 - _DRIFT_COMES * drift))
        comes[(fate == CHURNS) & (until <= 0)] = 0.0
        accepted = rng.random((_TRIES, count)) < comes
        row, column = accepted.argmax(axis=0), np.arange(count)
        known = np.asarray(accepted.any(axis=0))
        place, turn = places[row, column], turns[row, column]
        usual = rng.random(count) < _USUAL_CHANNEL
        other = pick(_CHANNEL_SHARES, rng.random(count))
        return Visitors(
            place=place,
            turn=turn,
            known=known & (place < self._named),
            drift=np.where(known, drift[row, column], 0.0),
            ready=known & ready[row, column],
            country=self._of(place, turn, lambda held: held.country),
            segment=self._of(place, turn, lambda held: held.segment),
            channel=np.where(usual, self._of(place, turn, lambda held: held.channel), other),
        )

    def leavers(self, begin: int, end: int) -> list[Fate]:
        """Return the customers who churn in ``[begin, end)`` (ms), by time."""
        return self._fates(CHURNS, begin, end)

    def named(self, fates: list[Fate]) -> list[Fate]:
        """Return the identified customers among them."""
        return [fate for fate in fates if fate.place < self._named]

    def ready(self, begin: int, end: int) -> list[Fate]:
        """Return the customers who become ready for upsell in ``[begin, end)`` (ms), by time."""
        return self._fates(READY, begin, end)

    def visitors_of(self, fates: list[Fate]) -> Visitors:
        """Return the last visits of churned customers, in the form of ``choose``."""
        place = np.array([fate.place for fate in fates], dtype=np.int64)
        turn = np.array([fate.turn for fate in fates], dtype=np.int64)
        return Visitors(
            place=place,
            turn=turn,
            known=place < self._named,
            drift=np.ones(len(fates)),
            ready=np.zeros(len(fates), dtype=np.bool_),
            country=self._of(place, turn, lambda held: held.country),
            segment=self._of(place, turn, lambda held: held.segment),
            channel=self._of(place, turn, lambda held: held.channel),
        )

    def _fates(self, fate: int, begin: int, end: int) -> list[Fate]:
        found = []
        for turn in range(begin // TERM_MS, end // TERM_MS + 2):
            holders = self._turn(turn)
            hit = (holders.fate == fate) & (holders.fate_at >= begin) & (holders.fate_at < end)
            found += [
                Fate(place, turn, int(holders.fate_at[place]), bool(holders.says_so[place]))
                for place in np.flatnonzero(hit).tolist()
            ]
        return sorted(found, key=lambda one: (one.at, one.place))

    def _of(self, places: Ints, turns: Ints, column: Callable[[_Turn], Ints]) -> Ints:
        values = np.zeros(places.shape, dtype=np.int64)
        for turn in np.unique(turns).tolist():
            held = turns == turn
            values[held] = column(self._turn(turn))[places[held]]
        return values

    def _draw_turn(self, seed: int, tenant_key: int, turn: int) -> _Turn:
        rng = generator(seed, Purpose.TURN, tenant_key, turn)
        born = turn * TERM_MS - self._phase
        return _Turn(
            country=pick(self._country_shares, rng.random(self.size)),
            segment=pick(_SEGMENT_SHARES, rng.random(self.size)),
            channel=pick(_CHANNEL_SHARES, rng.random(self.size)),
            fate=pick(_FATE_SHARES, rng.random(self.size)),
            fate_at=born + rng.integers(DRIFT_MS, TERM_MS, self.size),
            says_so=rng.random(self.size) < _SAYS_SO,
        )
