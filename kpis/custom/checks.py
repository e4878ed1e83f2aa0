"""What every user-defined figure is checked for, whether it comes from a file or from an installed package."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from kpis.custom.definition import FigureHead
from kpis.dimension import Dimension
from kpis.registry import BUILT_IN
from models.errors import ConfigurationError

Wrong = Callable[[Sequence[int | str], str], ConfigurationError]
"""Returns the error of a field; the arguments are the path to the field and what is wrong with it."""

_RESERVED: Final = frozenset({"at", "time", "value", "n", "low", "high", "note", "earlier", "user_id", "entered_at"})
# Statements over several sources call the figures of one so (kpis/query.py).
_PREFIX: Final = "kpi_"
_SUFFIXES: Final = ("_n", "_low", "_high", "_note", "_before")


def check_id(id_: str, dimensions: Mapping[str, Dimension], columns: Collection[str], wrong: Wrong) -> None:
    """Raise what ``wrong`` makes where an id is taken, or is a name that statements use for something else."""
    if id_ in BUILT_IN:
        raise wrong(["id"], f"'{id_}' is a figure that comes with romashka; choose another")
    taken = {*_RESERVED, *dimensions, *(one.column for one in dimensions.values()), *columns}
    if id_ in taken or id_.endswith(_SUFFIXES) or id_.startswith(_PREFIX):
        raise wrong(["id"], f"'{id_}' means something else in statements; choose another")


def check_thresholds(given: FigureHead, wrong: Wrong, *, is_share: bool) -> None:
    """Raise what ``wrong`` makes where thresholds contradict the direction, each other, or the kind of figure."""
    both = (given.warning, given.critical)
    if given.direction == "neutral" and both != (None, None):
        raise wrong(["direction"], "thresholds need to know which direction is better: up or down")
    if is_share:
        for name, line in (("warning", given.warning), ("critical", given.critical)):
            if line is not None and not 0 <= line <= 1:
                raise wrong([name], f"a share is 0 to 1, found {line:g}")
    if given.warning is not None and given.critical is not None:
        order = given.critical >= given.warning if given.direction == "down" else given.critical <= given.warning
        if not order:
            worse = "above" if given.direction == "down" else "below"
            raise wrong(["critical"], f"expected a value {worse} warning ({given.warning:g})")
    if given.alert is not None and both == (None, None):
        raise wrong(["alert"], "an alert needs warning or critical")
