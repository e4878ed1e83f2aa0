"""The output of detectors: an anomalous channel of a series at a time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Signal(NamedTuple):
    """An anomalous channel at a time; several make an incident (``detectors.incidents.tracker``).

    ``channel`` is its name, for example ``errors``, ``volume``, ``latency`` or ``stale_sync``. ``score`` (-log10 of
    the probability of seeing this by chance, or a channel's own scale) is above ``threshold``. ``observed`` lies
    outside ``lower`` to ``upper``, the range around ``expected``; all four are in ``unit``.
    """

    channel: str
    at: datetime
    score: float
    threshold: float
    observed: float
    expected: float
    lower: float
    upper: float
    unit: str
    detail: str = ""
