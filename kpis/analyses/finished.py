"""Rows of analyses, completed in SQL: the same as the functions of the catalogue return, for panels of Grafana.

Grafana runs no Python. ``tests/integration/week/test_boards.py`` holds each of these equal to the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from kpis.analyses.gaps import WHAT_TO_DO
from kpis.settings_model import missing_note
from kpis.sql.templates import Templates
from kpis.statistics import ENOUGH, OWN_SPREAD, Z_95

Finish = Callable[[str], str]
"""Returns the SELECT of the completed rows; the argument is the parenthesised statement of the analysis."""

_SQL: Final = Templates("kpis.analyses", "finished.sql")
_Z: Final = str(Z_95)


def _difference(cells: str, keys: str, variance: str, more: str = "") -> str:
    return _SQL.render("difference", cells=cells, keys=keys, variance=variance, more=more, enough=str(ENOUGH), z=_Z)


def _measured() -> str:
    return _SQL.render("measured", own=str(OWN_SPREAD))


def _savings(rows: str) -> str:
    unset = missing_note(["cost_per_human_contact"]).replace("'", "''")
    return _SQL.render("savings", rows=rows, unset=unset)


def _incremental(rows: str) -> str:
    cells = _SQL.render("incremental_cells", rows=rows)
    return _SQL.render("incremental", difference=_difference(cells, "user_id", _measured()))


def _groups(rows: str, n: str, total: str, squares: str, variance: str) -> str:
    cells = _SQL.render("groups_cells", rows=rows, n=n, total=total, squares=squares)
    return _difference(cells, "level, name", variance, _SQL.render("groups_more"))


def _conversion(rows: str) -> str:
    difference = _groups(rows, "conversations", "conversions", "conversions", _SQL.render("yes_no"))
    return _SQL.render("conversion", difference=difference, note=_SQL.render("groups_note"))


def _satisfaction(rows: str) -> str:
    difference = _groups(rows, "rated", "stars_sum", "stars_squares", _measured())
    note = _SQL.render("groups_note")
    return _SQL.render("satisfaction", difference=difference, note=note, enough=str(ENOUGH), z=_Z)


def _gaps(rows: str) -> str:
    return _SQL.render("gaps", rows=rows, types=_list(WHAT_TO_DO), actions=_list(WHAT_TO_DO.values()))


def _list(words: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{one}'" for one in words) + "]"


def _fault_cost(rows: str) -> str:
    variance = f"if(measure = 'durable', {_SQL.render('yes_no')}, {_measured()})"
    cells = _SQL.render("fault_cells", rows=rows)
    return _SQL.render(
        "fault_cost", difference=_difference(cells, "user_id, measure", variance, _SQL.render("fault_more"))
    )


def _as_they_are(rows: str) -> str:
    return f"SELECT * FROM {rows} AS r"


def _places(rows: str) -> str:
    return _SQL.render("places", rows=rows)


FINISHED: Final[Mapping[str, Finish]] = MappingProxyType(
    {
        "savings": _savings,
        "attribution": _as_they_are,
        "incremental": _incremental,
        "conversion": _conversion,
        "satisfaction": _satisfaction,
        "lift": _as_they_are,
        "impact": _as_they_are,
        "gaps": _gaps,
        "journey": lambda rows: _SQL.render("journey", rows=rows),
        "drop-off": lambda rows: _SQL.render("drop_off", rows=rows),
        "fault-cost": _fault_cost,
        "geography": _places,
        "channels": _places,
        "segments": _places,
    }
)
"""Analysis → its completion."""
