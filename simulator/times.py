"""Time inside the simulator: whole milliseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from simulator.arrays import Ints

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return an aware moment in milliseconds, rounded down."""
    return (moment - _EPOCH) // _TICK


def from_ms(milliseconds: int) -> datetime:
    """Return the UTC moment of milliseconds."""
    return _EPOCH + milliseconds * _TICK


def span_ms(span: timedelta) -> int:
    """Return a span in milliseconds, rounded down."""
    return span // _TICK


def iso_local(milliseconds: Ints, utc_offset_minutes: int) -> list[str]:
    """Return local wall-clock times such as ``2026-01-31T09:05:00.125``, without the offset's own text."""
    local = (milliseconds + utc_offset_minutes * MINUTE_MS).astype("datetime64[ms]")
    texts: list[str] = np.datetime_as_string(local, unit="ms").tolist()
    return texts


def offset_text(utc_offset_minutes: int) -> str:
    """Return an offset as ISO-8601 writes it, for example ``+05:30``."""
    hours, minutes = divmod(abs(utc_offset_minutes), 60)
    return f"{'-' if utc_offset_minutes < 0 else '+'}{hours:02d}:{minutes:02d}"
