"""The registry of key figures by id. Every output takes figures from here and computes none itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from kpis.definitions import business, conversations, health, intelligence, predictive, queries
from kpis.kpi import Area, Kpi, Unit
from models.errors import InvalidRequest

__all__ = ["ALL", "BUILT_IN", "Area", "Kpi", "Unit", "get", "register"]

_DEFINED: Final = (
    *queries.KPIS,
    *health.KPIS,
    *intelligence.KPIS,
    *conversations.KPIS,
    *business.KPIS,
    *predictive.KPIS,
)

_registered: Final[dict[str, Kpi]] = {kpi.id: kpi for kpi in _DEFINED}
ALL: Final[Mapping[str, Kpi]] = MappingProxyType(_registered)
"""Id → definition, in display order."""

BUILT_IN: Final = frozenset(_registered)
"""Ids of the figures that come with romashka."""


def register(figures: Iterable[Kpi]) -> None:
    """Add the figures of the installation (``kpis.custom``), in place of those added before."""
    for id_ in _registered.keys() - BUILT_IN:
        del _registered[id_]
    _registered.update((kpi.id, kpi) for kpi in figures)


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
