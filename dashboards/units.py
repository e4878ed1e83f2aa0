"""Grafana's names of the registry's units."""

from __future__ import annotations

from typing import Final, NamedTuple

from kpis.kpi import Unit


class UnitFormat(NamedTuple):
    """A unit id of Grafana, and how many decimals make sense.

    Without decimals Grafana chooses them by the size: 1.73 s and 2.4 K rather than 2 s and 2 K.
    """

    unit: str
    decimals: int | None


FORMATS: Final = {
    Unit.COUNT: UnitFormat("short", None),
    Unit.RATIO: UnitFormat("percentunit", 1),
    Unit.MONEY_RATIO: UnitFormat("percentunit", 0),
    Unit.SCORE: UnitFormat("none", 2),
    Unit.MILLISECONDS: UnitFormat("ms", None),
    Unit.MINUTES: UnitFormat("m", 1),
    # Grafana's own "h" writes "1.2 hour".
    Unit.HOURS: UnitFormat("suffix: h", 1),
    Unit.STARS: UnitFormat("none", 2),
    # The tenant's own currency: a sign would be a guess. "locale" leaves zeros at the end out.
    Unit.MONEY: UnitFormat("locale", 2),
}
