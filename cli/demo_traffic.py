"""Traffic of the demo: a month of known tenants with five incidents, and live traffic of new tenants.

The month has low density, so that it is sent in seconds; a hundredfold increase of the same tenants would be an
anomaly, so the live traffic has its own tenants. The three months before have outcomes only: customer models need
months, and queries would take too long to send and to evaluate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from simulator.experiments import SimulatedExperiment
from simulator.feed import Feed
from simulator.incidents import SimulatedIncident, one_a_day
from simulator.rows import Message
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS

DAYS: Final = 30
# Before the month there are only outcomes of conversations with customers: enough for customer models.
PAST_DAYS: Final = 120
FEWEST: Final = 50_000
"""Fewest events of the month: its sync jobs alone are 41,000. With so few some incidents are too small to be found."""
_NAMED_SHARE: Final = 0.1
_LIVELY: Final = timedelta(minutes=15)
_LIVELY_RATE: Final = 10.0
_LASTING: Final = timedelta(hours=3)
# The last incident ends early enough to be closed.
_CALM: Final = timedelta(minutes=45)
# Few tenants, so that each has enough data. The last one is left out because its currency is the rupee.
TENANTS: Final = (*DEFAULT_TENANTS[:3], replace(DEFAULT_TENANTS[3], order_value=19.0))
# The tenant of the pages about money.
SHOWN: Final = TENANTS[0]
_STEP: Final = timedelta(hours=6)
# One experiment with a true effect, and an A/A test, in which nothing differs.
WITHHELD: Final = SimulatedExperiment("shopify_data", withheld="shopify", share=0.2, traffic=0.7)
SAME: Final = SimulatedExperiment("greeting_wording", control="a", treated="b", share=0.5, traffic=0.3)
_NAMESPACE: Final = UUID("5d0c2c7e-6f0d-5d7e-9a55-3b0f6a1d9e21")
NEWCOMERS: Final = tuple(replace(one, id=uuid5(_NAMESPACE, str(one.id)), gaps=()) for one in TENANTS[:3])


class Traffic(NamedTuple):
    """The earlier months, the month, and the live traffic."""

    past: Scenario
    month: Scenario
    lively: Scenario

    @property
    def incidents(self) -> tuple[SimulatedIncident, ...]:
        """The incidents of the month."""
        return self.month.incidents

    def history(self) -> Iterator[list[Message]]:
        """Yield the month up to now, a list for each quarter of a day."""
        yield from self.month.history(_STEP)
        yield from self.lively.history(_STEP)

    def live(self, start: datetime) -> tuple[Feed, Feed]:
        """Return the live traffic from ``start``."""
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
        experiments=(WITHHELD, SAME),
    )
    past = replace(month, start=now - timedelta(days=PAST_DAYS), end=month.start, incidents=(), experiments=())
    # Conversations take minutes, so live traffic starts earlier than now.
    lively = Scenario(seed=seed, start=now - _LIVELY, end=now, tenants=NEWCOMERS, rate=_LIVELY_RATE)
    return Traffic(past, month, lively)


def until(feeds: tuple[Feed, Feed], moment: datetime) -> list[Message]:
    """Return the events before a time that were not returned yet."""
    return [message for feed in feeds for message in feed.until(moment)]
