"""Reads user-defined figures: one YAML file each, in a folder such as ``kpis.d``.

A file gives the figure's words, its source, a formula of a few kinds, and its thresholds. Nothing of it is pasted into
SQL: columns are looked up, conditions are parsed (``kpis.custom.conditions``), numbers are numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from kpis.custom.checks import Wrong, check_id, check_thresholds
from kpis.custom.columns import SOURCES
from kpis.custom.definition import AlertWindow, FigureText, FormulaKind
from kpis.custom.formula import formula_of
from kpis.custom.yaml_files import files, parsed
from kpis.kpi import Kpi, Unit
from models.errors import ConfigurationError

_UNITS: Final = (Unit.COUNT, Unit.RATIO, Unit.SCORE, Unit.MILLISECONDS, Unit.MINUTES, Unit.HOURS, Unit.STARS)


class CustomFigure(NamedTuple):
    """A user-defined figure.

    ``alert`` is what its alert looks back over, ``None`` without one; ``origin`` is where it is defined, for people: a
    file, or an installed package.
    """

    kpi: Kpi
    alert: AlertWindow | None = None
    origin: str = ""


class CustomFigures(NamedTuple):
    """User-defined figures, and the errors of the definitions that cannot be used."""

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
            earlier = found[one.kpi.id].origin
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
    return defined(given, path.name, lines.wrong)


def defined(given: FigureText, origin: str, wrong: Wrong) -> CustomFigure:
    """Return the figure of a definition.

    Raises
    ------
    ConfigurationError
        A field cannot be used; made by ``wrong``.
    """
    source = SOURCES[given.source]
    check_id(given.id, source.source.dimensions, source.columns, wrong)
    unit = _unit(given, wrong)
    check_thresholds(given, wrong, is_share=given.formula.kind is FormulaKind.SHARE)
    formula = formula_of(given.formula, source, lambda field, what: wrong(["formula", field], what))
    kpi = Kpi(
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
    return CustomFigure(kpi, given.alert, origin)


def _unit(given: FigureText, wrong: Wrong) -> Unit:
    counts = given.formula.kind in {FormulaKind.COUNT, FormulaKind.DISTINCT}
    own = Unit.COUNT if counts else Unit.RATIO if given.formula.kind is FormulaKind.SHARE else None
    if own is not None:
        if given.unit not in {None, own}:
            raise wrong(["unit"], f"a {given.formula.kind} is a {own.value}; leave it out")
        return own
    if given.unit is None:
        raise wrong(["formula"], f"a {given.formula.kind} needs unit: {', '.join(_UNITS)}")
    if given.unit not in _UNITS:
        raise wrong(["unit"], f"expected one of {', '.join(_UNITS)}; money has currencies, which do not add up")
    return given.unit
