"""Figures of installed Python packages: entry points of the group ``romashka.kpis``.

An entry point names one figure, several, or a function without parameters that returns them. A figure is a mapping with
the fields of a YAML definition (or ``FigureText``), a ``kpis.kpi.Kpi``, or a ``CustomFigure`` where a ``Kpi`` has an
alert. What cannot be used costs only itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from kpis.custom.checks import Wrong, check_id, check_thresholds
from kpis.custom.definition import AlertWindow, FigureHead, FigureText
from kpis.custom.figure_file import CustomFigure, CustomFigures, defined
from kpis.custom.yaml_files import MAX_FILES, problem_of
from kpis.kpi import Aggregate, Area, Kpi, Statement, Unit
from kpis.scope import Scope
from kpis.sql.dialect import Bound, Grafana
from kpis.sql.query_context import QueryContext
from models.errors import ConfigurationError

GROUP: Final = "romashka.kpis"
"""The group of entry points."""
_EXPECTED: Final = "expected definitions (mappings with the fields of a YAML file) or kpis.kpi.Kpi"
_NO_FILES: Final = CustomFigures((), ())
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TRIAL: Final = Scope(_ANY_TIME, _ANY_TIME.replace(month=2), UUID(int=1))


def installed_figures(files: CustomFigures = _NO_FILES) -> CustomFigures:
    """Return the figures of installed packages, and what is wrong with those that cannot be used.

    Parameters
    ----------
    files
        The figures of the installation's own folder, whose ids are taken.
    """
    found: dict[str, CustomFigure] = {}
    errors: list[ConfigurationError] = []
    taken = {one.kpi.id: one for one in files.figures}
    for point in sorted(entry_points(group=GROUP), key=lambda one: (_package(one), one.name)):
        for one in _of_point(point, errors):
            earlier = taken.setdefault(one.kpi.id, one)
            if earlier is one:
                found[one.kpi.id] = one
            else:
                errors.append(
                    ConfigurationError(f"{one.origin}: id: '{one.kpi.id}' is defined in {earlier.origin} already")
                )
    return CustomFigures(tuple(found.values()), tuple(errors))


def _package(point: EntryPoint) -> str:
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _of_point(point: EntryPoint, errors: list[ConfigurationError]) -> Iterator[CustomFigure]:
    origin = f"{_package(point)} (entry point {point.name})"
    try:
        with redirect_stdout(sys.stderr):  # what a package prints is no part of what a command prints
            given = _given(point)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a package's own code may raise anything; it is reported
        errors.append(ConfigurationError(f"{origin}: {point.value}: {_said(error)}"))
        return
    for number, one in enumerate(given, start=1):
        if number > MAX_FILES:
            errors.append(ConfigurationError(f"{origin}: gives more than {MAX_FILES} figures; only those are read"))
            return
        try:
            with redirect_stdout(sys.stderr):
                figure = _figure(one, origin, number)
        except ConfigurationError as error:
            errors.append(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - as above: its objects are its code, too
            errors.append(ConfigurationError(f"{origin}: figure {number}: {_said(error)}"))
        else:
            yield figure


def _given(point: EntryPoint) -> list[Any]:
    """Return what an entry point gives, one too many at most."""
    loaded = point.load()
    if callable(loaded) and not isinstance(loaded, type):
        loaded = loaded()
    if isinstance(loaded, Mapping | FigureText | Kpi | CustomFigure):
        return [loaded]
    if not isinstance(loaded, Iterable) or isinstance(loaded, str | bytes | type):
        raise ConfigurationError(f"gives {_a(loaded)}; {_EXPECTED}")
    return list(islice(loaded, MAX_FILES + 1))


def _said(error: BaseException, what: str = "cannot be loaded") -> str:
    if isinstance(error, ConfigurationError):
        return str(error)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an error of the package's own
        text = "it cannot be shown"
    return f"{what} ({type(error).__name__}: {' '.join(text.split())[:300]})"


def _figure(given: object, origin: str, number: int) -> CustomFigure:
    named = _name_of(given) or f"figure {number}"

    def wrong(place: Iterable[int | str], message: str) -> ConfigurationError:
        field = ".".join(map(str, place))
        return ConfigurationError(f"{origin}: {named}: {f'{field}: ' if field else ''}{message}")

    if isinstance(given, Mapping):
        return defined(_definition(given, wrong), origin, wrong)
    if isinstance(given, FigureText):
        return defined(given, origin, wrong)
    one = CustomFigure(given) if isinstance(given, Kpi) else given
    if not isinstance(one, CustomFigure) or not isinstance(one.kpi, Kpi):
        raise wrong([], f"is {_a(given)}; {_EXPECTED}")
    if one.alert is not None and not isinstance(one.alert, AlertWindow):
        raise wrong(["alert"], f"is {_a(one.alert)}; expected kpis.custom.definition.AlertWindow")
    _check(one, wrong)
    return one._replace(origin=origin)


def _name_of(given: object) -> str:
    kpi = given.kpi if isinstance(given, CustomFigure) else given
    name = given.get("id") if isinstance(given, Mapping) else getattr(kpi, "id", None)
    return name[:63] if isinstance(name, str) else ""


def _definition(given: Mapping[Any, Any], wrong: Wrong) -> FigureText:
    try:
        return FigureText.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise wrong(first["loc"], problem_of(first)) from None


def _check(one: CustomFigure, wrong: Wrong) -> None:
    """Raise what ``wrong`` makes where a built ``Kpi`` is none that panels, alerts and statements can use."""
    kpi = one.kpi
    names = ("id", "title", "meaning", "direction", "minimum_volume", "warning", "critical")
    try:
        head = FigureHead.model_validate({**{name: getattr(kpi, name) for name in names}, "alert": one.alert})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise wrong(first["loc"], problem_of(first)) from None
    for name, type_ in (("unit", Unit), ("area", Area), ("computed", Aggregate | Statement)):
        if not isinstance(getattr(kpi, name), type_):
            raise wrong([name], f"is {_a(getattr(kpi, name))}; see kpis.kpi for what it can be")
    columns = kpi.computed.source.columns if isinstance(kpi.computed, Aggregate) else frozenset[str]()
    check_id(kpi.id, kpi.dimensions, columns, wrong)
    check_thresholds(head, wrong, is_share=False)  # a difference of shares is a ratio too
    if one.alert is not None and "tenant" not in kpi.dimensions:
        raise wrong(["alert"], "an alert is evaluated for each tenant; the figure has no dimension tenant")
    try:
        bound, of_panel = (_rows(kpi, dialect) for dialect in (Bound(_TRIAL), Grafana(("tenant",))))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as in ``_of_point``
        raise wrong(["computed"], _said(error, "makes no statement")) from None
    if "{tenant:UUID}" not in bound or "${tenant" not in of_panel:
        raise wrong(["computed"], "its statement does not narrow to the tenant (QueryContext.dialect.tenant)")


def _rows(kpi: Kpi, dialect: Bound | Grafana) -> str:
    """Return the statement that a figure reads from, in a dialect."""
    asked = QueryContext(dialect)
    if isinstance(kpi.computed, Aggregate):
        return kpi.computed.source.relation(replace(asked, reads=kpi.computed.columns))
    return kpi.computed.render(asked)


def _a(given: object) -> str:
    name = type(given).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
