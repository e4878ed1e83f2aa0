"""Reads user-defined figures: one YAML file each, in a folder such as ``kpis.d``.

A file gives the figure's words, its source, a formula of a few kinds, and its thresholds. Nothing of it is pasted into
SQL: columns are looked up, conditions are parsed (``kpis.custom.conditions``), numbers are numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from kpis.custom.columns import SOURCES, CustomSource
from kpis.custom.definition import AlertWindow, FigureText, FormulaKind
from kpis.custom.formula import formula_of
from kpis.custom.yaml_files import FileLines, files, parsed
from kpis.kpi import Kpi, Unit
from kpis.registry import BUILT_IN
from models.errors import ConfigurationError

_RESERVED: Final = frozenset({"at", "time", "value", "n", "low", "high", "note", "earlier", "user_id", "entered_at"})
# Statements over several sources call the figures of one so (kpis/query.py).
_PREFIX: Final = "kpi_"
_SUFFIXES: Final = ("_n", "_low", "_high", "_note", "_before")
_UNITS: Final = (Unit.COUNT, Unit.RATIO, Unit.SCORE, Unit.MILLISECONDS, Unit.MINUTES, Unit.HOURS, Unit.STARS)


class CustomFigure(NamedTuple):
    """A user-defined figure; ``alert`` is what its alert looks back over, ``None`` without one."""

    kpi: Kpi
    alert: AlertWindow | None
    file: Path


class CustomFigures(NamedTuple):
    """The figures of a folder, and the errors of the files that define none."""

    figures: tuple[CustomFigure, ...]
    errors: tuple[ConfigurationError, ...]


def figures(folder: Path) -> CustomFigures:
    """Return the figures of a folder, by file name, and what is wrong with the other files; none without a folder."""
    found: dict[str, CustomFigure] = {}
    errors: list[ConfigurationError] = []
    for path in files(folder, errors):
        try:
            one = figure(path)
        except ConfigurationError as error:
            errors.append(error)
            continue
        if found.setdefault(one.kpi.id, one) is not one:
            earlier = found[one.kpi.id].file.name
            errors.append(ConfigurationError(f"{path}: id: '{one.kpi.id}' is defined in {earlier} already"))
    return CustomFigures(tuple(found.values()), tuple(errors))


def figure(path: Path) -> CustomFigure:
    """Return the figure of one file.

    Raises
    ------
    ConfigurationError
        It cannot be read, or is no definition: names the file, the line, the field and what was expected.
    """
    given, lines = parsed(path, FigureText)
    return CustomFigure(_kpi(given, lines), given.alert, path)


def _kpi(given: FigureText, lines: FileLines) -> Kpi:
    source = SOURCES[given.source]
    _check_id(given.id, source, lines)
    unit = _unit(given, lines)
    _check_thresholds(given, lines)
    formula = formula_of(given.formula, source, lambda field, what: lines.wrong(["formula", field], what))
    return Kpi(
        id=given.id,
        title=given.title,
        meaning=" ".join(given.meaning.split()),
        unit=unit,
        direction=given.direction,
        area=source.area,
        computed=formula.over(source.source),
        minimum_volume=given.minimum_volume,
        warning=given.warning,
        critical=given.critical,
    )


def _check_id(id_: str, source: CustomSource, lines: FileLines) -> None:
    if id_ in BUILT_IN:
        raise lines.wrong(["id"], f"'{id_}' is a figure that comes with romashka; choose another")
    dimensions = {*source.source.dimensions, *(one.column for one in source.source.dimensions.values())}
    taken = _RESERVED | dimensions | source.columns.keys()
    if id_ in taken or id_.endswith(_SUFFIXES) or id_.startswith(_PREFIX):
        raise lines.wrong(["id"], f"'{id_}' means something else in statements; choose another")


def _unit(given: FigureText, lines: FileLines) -> Unit:
    counts = given.formula.kind in {FormulaKind.COUNT, FormulaKind.DISTINCT}
    own = Unit.COUNT if counts else Unit.RATIO if given.formula.kind is FormulaKind.SHARE else None
    if own is not None:
        if given.unit not in {None, own}:
            raise lines.wrong(["unit"], f"a {given.formula.kind} is a {own.value}; leave it out")
        return own
    if given.unit is None:
        raise lines.wrong(["formula"], f"a {given.formula.kind} needs unit: {', '.join(_UNITS)}")
    if given.unit not in _UNITS:
        raise lines.wrong(["unit"], f"expected one of {', '.join(_UNITS)}; money has currencies, which do not add up")
    return given.unit


def _check_thresholds(given: FigureText, lines: FileLines) -> None:
    both = (given.warning, given.critical)
    if given.direction == "neutral" and both != (None, None):
        raise lines.wrong(["direction"], "thresholds need to know which direction is better: up or down")
    if given.formula.kind is FormulaKind.SHARE:
        for name, line in (("warning", given.warning), ("critical", given.critical)):
            if line is not None and not 0 <= line <= 1:
                raise lines.wrong([name], f"a share is 0 to 1, found {line:g}")
    if given.warning is not None and given.critical is not None:
        order = given.critical >= given.warning if given.direction == "down" else given.critical <= given.warning
        if not order:
            worse = "above" if given.direction == "down" else "below"
            raise lines.wrong(["critical"], f"expected a value {worse} warning ({given.warning:g})")
    if given.alert is not None and both == (None, None):
        raise lines.wrong(["alert"], "an alert needs warning or critical")
