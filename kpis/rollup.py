"""What a roll-up is, and the pieces of SQL that all of them share."""

from __future__ import annotations

from typing import Final, NamedTuple

from kpis import stale

VERSION: Final = "{reflects:DateTime64(3, 'UTC')}"
SLICE: Final = "{slice:Date}"


class RollUp(NamedTuple):
    """One roll-up.

    ``slices`` returns in what portions to work, so that memory stays bounded after a long absence; each of
    ``statements`` runs once for each portion with the parameters ``reflects`` (the moment that the work is up to) and
    ``slice``.
    """

    name: str
    slices: str
    statements: tuple[str, ...]


def weeks(rollup: str, touches: str) -> str:
    """Return the query of the weeks (their Mondays) in which hours were touched, as a table of touches notes them."""
    return (
        f"SELECT DISTINCT toMonday(hour_start) AS slice FROM {touches} "
        f"WHERE touched_at >= {stale.since(rollup)} ORDER BY slice"
    )


def in_week(column: str) -> str:
    """Return the predicate that a moment is in the portion."""
    monday = f"toDateTime({SLICE}, 'UTC')"
    return f"{column} >= {monday} AND {column} < {monday} + INTERVAL 7 DAY"
