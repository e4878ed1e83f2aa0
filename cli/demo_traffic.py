"""What the demo sends: a month of known tenants with five incidents, and lively traffic of tenants that are new today.

The month is thin, so that it is sent in seconds; were its tenants a hundred times busier from now on, the detectors
would rightly find that remarkable. What makes the picture lively comes from tenants of their own. Of the three months
before, there is how conversations ended, and nothing else: models of customers need months, and queries would take as
long to send and to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from simulator.feed import Feed
from simulator.incidents import Incident, one_a_day
from simulator.rows import Message
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS

DAYS: Final = 30
# Before the month, only how conversations with named customers ended is known: enough for models of customers.
PAST_DAYS: Final = 120
_NAMED_SHARE: Final = 0.1
_LIVELY: Final = timedelta(minutes=15)
_LIVELY_RATE: Final = 10.0
_LASTING: Final = timedelta(hours=3)
# The last incident ends so long ago that it is over and told.
_CALM: Final = timedelta(minutes=45)
# Fewer, so that each has enough to show. The sales of the last are in rupees, and amounts are to add up in euros.
TENANTS: Final = (*DEFAULT_TENANTS[:3], replace(DEFAULT_TENANTS[3], order_value=19.0))
# Whose pages about money are left at the end.
SHOWN: Final = TENANTS[0]
_STEP: Final = timedelta(hours=6)
_NAMESPACE: Final = UUID("5d0c2c7e-6f0d-5d7e-9a55-3b0f6a1d9e21")
NEWCOMERS: Final = tuple(replace(one, id=uuid5(_NAMESPACE, str(one.id)), gaps=()) for one in TENANTS[:3])


class Traffic(NamedTuple):
    """The months before, the month, and what is lively side by side."""

    past: Scenario
    month: Scenario
    lively: Scenario

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What goes wrong in the month."""
        return self.month.incidents

    def history(self) -> Iterator[list[Message]]:
        """Yield the month up to now, a list for each quarter of a day."""
        yield from self.month.history(_STEP)
        yield from self.lively.history(_STEP)

    def live(self, start: datetime) -> tuple[Feed, Feed]:
        """Return what goes on from ``start``."""
        return self.month.feed(start), self.lively.feed(start)


def traffic(now: datetime, *, seed: int, events: int) -> Traffic:
    """Return the demo's traffic, with about so many events in the month."""
    span = timedelta(days=DAYS)
    month = Scenario(
        seed=seed,
        start=now - span,
        end=now,
        tenants=TENANTS,
        rate=rate_for(events, span, TENANTS),
        incidents=one_a_day(TENANTS, now - _CALM, _LASTING),
        named_share=_NAMED_SHARE,
    )
    past = replace(month, start=now - timedelta(days=PAST_DAYS), end=month.start, incidents=())
    # Conversations take minutes: were it to begin now, there would be nothing to see yet.
    lively = Scenario(seed=seed, start=now - _LIVELY, end=now, tenants=NEWCOMERS, rate=_LIVELY_RATE)
    return Traffic(past, month, lively)


def until(feeds: tuple[Feed, Feed], moment: datetime) -> list[Message]:
    """Return what happened before a moment and was not handed out yet."""
    return [message for feed in feeds for message in feed.until(moment)]
