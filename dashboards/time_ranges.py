"""The ranges that the time picker of a dashboard offers.

From two days on they end on the next whole hour, as ``romashka kpi get --range`` does (``kpis.scope.up_to_now``):
hourly roll-ups suffice then, and a figure is stable until the hour is over. Grafana rounds them, because each function
at the end of a range costs a statement planning time wherever it names the range.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from grafana_foundation_sdk.builders.dashboard import TimeOption
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from kpis.scope import LONG_HOURS

_LONG: Final = timedelta(hours=LONG_HOURS)
_HOUR: Final = timedelta(hours=1)
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_LENGTHS: Final = ("5m", "15m", "30m", "1h", "3h", "6h", "12h", "24h", "2d", "7d", "14d", "30d", "90d", "180d", "365d")
_CALENDAR: Final = (
    ("Today so far", "now/d", "now"),
    ("This week so far", "now/w", "now"),
    ("This month so far", "now/M", "now"),
    ("Yesterday", "now-1d/d", "now-1d/d"),
    ("Previous week", "now-1w/w", "now-1w/w"),
    ("Previous month", "now-1M/M", "now-1M/M"),
)


def up_to_now(length: str) -> tuple[str, str]:
    """Return the ends of a range up to now as Grafana's expressions; ``length`` is a number and m, h or d."""
    if duration(length) < _LONG:
        return f"now-{length}", "now"
    # "/h" is the start of the hour at the beginning of a range, and the end of the hour at its end.
    return f"now-{duration(length) // _HOUR - 1}h/h", "now/h"


def quick_ranges(opens_with: str) -> list[Builder[dashboard.TimeOption]]:
    """Return what the time picker lists, short ranges first; the one that the dashboard opens with is among them."""
    lengths = sorted({*_LENGTHS, opens_with}, key=duration)
    last = ((_last(length), *up_to_now(length)) for length in lengths)
    return [TimeOption().display(name).from_val(start).to(end) for name, start, end in (*last, *_CALENDAR)]


def duration(text: str) -> timedelta:
    """Return a duration in Grafana's notation: ``30d``, ``12h``, ``5m``, ``5s``."""
    return timedelta(**{f"{_UNITS[text[-1]]}s": int(text[:-1])})


def _last(length: str) -> str:
    number = int(length[:-1])
    return f"Last {number} {_UNITS[length[-1]]}{'' if number == 1 else 's'}"
