"""The definition of a roll-up, and shared SQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from kpis.rollups import freshness

VERSION: Final = "{reflects:DateTime64(3, 'UTC')}"
SOON: Final = timedelta(0)
"""Roll-ups that nothing else is read beside are updated at every run of the job."""
AT_A_TIME: Final = 200_000
"""Conversations or customers per portion; each takes a few hundred bytes while it is folded."""
_MONDAY: Final = "{monday:Date}"


class RollUp(NamedTuple):
    """One roll-up.

    ``slices`` selects the portions of the work, so that memory stays bounded after a long pause; each of ``statements``
    runs once for each of its rows, with its columns and ``reflects`` (the time that the roll-up reflects) as
    parameters. ``every`` is the minimum time between two updates.
    """

    name: str
    slices: str
    statements: tuple[str, ...]
    every: timedelta = timedelta(minutes=1)


def weeks(rollup: str, touches: str) -> str:
    """Return the query of the weeks with changed hours, from a table of changes."""
    return (
        f"SELECT DISTINCT toMonday(hour_start) AS monday FROM {touches} "
        f"WHERE touched_at >= {freshness.since(rollup)} ORDER BY monday"
    )


def in_week(column: str) -> str:
    """Return the predicate that a time is in the week."""
    monday = f"toDateTime({_MONDAY}, 'UTC')"
    return f"{column} >= {monday} AND {column} < {monday} + INTERVAL 7 DAY"


def portions(count: str, at_a_time: int) -> str:
    """Return the query of portions of about ``at_a_time`` items of a count query; none for a count of 0."""
    return (
        f"SELECT portions, arrayJoin(range(portions)) AS portion "
        f"FROM (SELECT toUInt32(ceil(({count}) / {at_a_time})) AS portions)"
    )


def in_portion(column: str) -> str:
    """Return the predicate that a value is in the portion."""
    return f"cityHash64({column}) % {{portions:UInt32}} = {{portion:UInt32}}"
