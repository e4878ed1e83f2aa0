"""Grafana's names of the registry's units."""

from __future__ import annotations

from typing import Final, NamedTuple

from kpis.kpi import Unit


class Format(NamedTuple):
    """A unit id of Grafana, and how many decimals make sense.

    Without decimals Grafana chooses them by the size: 1.73 s and 2.4 K rather than 2 s and 2 K.
    """

    unit: str
    decimals: int | None


FORMATS: Final = {
    Unit.COUNT: Format("short", None),
    Unit.RATIO: Format("percentunit", 1),
    Unit.MONEY_RATIO: Format("percentunit", 0),
    Unit.SCORE: Format("none", 2),
    Unit.MILLISECONDS: Format("ms", None),
    Unit.MINUTES: Format("m", 1),
    # Grafana's own "h" writes "1.2 hour".
    Unit.HOURS: Format("suffix: h", 1),
    Unit.STARS: Format("none", 2),
    # The tenant's own currency: a sign would be a guess.
    Unit.MONEY: Format("locale", 0),
}
