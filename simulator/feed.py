"""The traffic as a cursor over time; the events do not depend on the size of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from simulator.business import Business
from simulator.rows import Message, in_order
from simulator.times import to_ms


class Feed:
    """Returns the events of a scenario from a time on, each once, in time order.

    Parameters
    ----------
    businesses
        The tenants, as fresh cursors that begin at the same moment.
    """

    def __init__(self, businesses: Sequence[Business]) -> None:
        self._businesses = businesses

    def until(self, end: datetime) -> list[Message]:
        """Return the events before ``end`` that were not returned yet; for live traffic, pass the current time."""
        before = to_ms(end)
        return in_order([part for business in self._businesses for part in business.take(before)])
