"""The registry of key figures by id. Every output takes figures from here and computes none itself."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from kpis.definitions import business, conversations, health, intelligence, predictive, queries
from kpis.kpi import Area, Kpi, Unit
from models.errors import InvalidRequest

__all__ = ["ALL", "Area", "Kpi", "Unit", "get"]

_DEFINED: Final = (
    *queries.KPIS,
    *health.KPIS,
    *intelligence.KPIS,
    *conversations.KPIS,
    *business.KPIS,
    *predictive.KPIS,
)

ALL: Final[Mapping[str, Kpi]] = MappingProxyType({kpi.id: kpi for kpi in _DEFINED})
"""Id → definition, in display order."""


def get(id_: str) -> Kpi:
    """Return a key figure.

    Raises
    ------
    SettingsError
        There is no figure of that id; suggests similar ids.
    """
    if id_ in ALL:
        return ALL[id_]
    alike = get_close_matches(id_, ALL, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(alike)}?" if alike else "'romashka kpi list' shows them all"
    raise InvalidRequest("id", f"there is no key figure '{id_}'; {hint}")
