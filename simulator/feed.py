"""The traffic as a cursor over time: history in large steps, then live in small ones, always the same events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from simulator.business import Business
from simulator.rows import Message, in_order
from simulator.times import to_ms


class Feed:
    """Hands out the events of a scenario from a moment on, each once, in time order.

    Parameters
    ----------
    businesses
        The tenants, as fresh cursors that begin at the same moment.
    """

    def __init__(self, businesses: Sequence[Business]) -> None:
        self._businesses = businesses

    def until(self, end: datetime) -> list[Message]:
        """Return the events before ``end`` that were not handed out yet; for live traffic, call it with the time."""
        before = to_ms(end)
        return in_order([part for business in self._businesses for part in business.take(before)])
