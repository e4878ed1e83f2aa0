"""Grafana's names of the registry's units."""

from __future__ import annotations

from typing import Final, NamedTuple

from kpis.kpi import Unit


class Format(NamedTuple):
    """A unit id of Grafana, and how many decimals make sense."""

    unit: str
    decimals: int


FORMATS: Final = {
    Unit.COUNT: Format("short", 0),
    Unit.RATIO: Format("percentunit", 1),
    Unit.MONEY_RATIO: Format("none", 2),
    Unit.SCORE: Format("none", 2),
    Unit.MILLISECONDS: Format("ms", 0),
    Unit.MINUTES: Format("m", 1),
    Unit.HOURS: Format("h", 1),
    Unit.STARS: Format("none", 2),
    # The tenant's own currency: a sign would be a guess.
    Unit.MONEY: Format("locale", 0),
}
