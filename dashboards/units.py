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


CODED: Final = ("currency:financial: ", ":suffix")
"""Prefix and suffix that make a Grafana unit of a currency code (ISO 4217): amounts are shown as ``-1,234.50 EUR``.

"locale" leaves zeros at the end out, "currency:" alone shortens to thousands, and "none" has no separators.
"""
UNCODED: Final = "".join(CODED)
"""The unit of amounts whose currency is not known, for example ``-1,234.50``."""
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
    # The tenant's own currency: what the answer says wins over this (``dashboards.amounts``).
    Unit.MONEY: UnitFormat(UNCODED, 2),
}
