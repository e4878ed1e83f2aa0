"""Boards: tabs that an installation lays out for itself, one YAML file each in ``boards.d``: figures and analyses."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dashboards.analysis_columns import PANELS
from dashboards.analysis_panels import Chosen, bars, table
from dashboards.own_figures import VARIABLES
from dashboards.panel import Panel, PanelRow, PanelType, Tab
from dashboards.tabs.parts import split_figure, tile, together, trend
from kpis.analyses.catalogue import ANALYSES
from kpis.custom.yaml_files import FileLines, files, parsed
from kpis.kpi import Kpi
from kpis.registry import get
from kpis.scope import Interval
from kpis.sql.fixed import PATTERN, no_variable
from models.errors import ConfigurationError, InvalidRequest

_OF_FIGURES: Final = ("by", "every")
_OF_ANALYSES: Final = ("of", "where", "order", "limit")
_PREFIX: Final = "romashka-board-"
ID_PATTERN: Final = r"^[a-z][a-z0-9-]{1,22}$"
"""What the id of a board may be."""
# Both stand in Grafana's JSON, where braces and $ mean something.
_TEXT: Final = r"^[^\x00-\x1f\x7f-\x9f{}$<>]{1,%d}$"


class PanelKind(StrEnum):
    """How a figure is shown."""

    NUMBER = "number"
    LINE = "line"
    BARS = "bars"
    TABLE = "table"


_WIDTHS: Final = {PanelKind.NUMBER: 6, PanelKind.LINE: 12, PanelKind.BARS: 12, PanelKind.TABLE: 24}


_MOST_ROWS: Final = 200
_PICTURES: Final = {PanelKind.BARS: (20, PanelType.BARS), PanelKind.TABLE: (100, PanelType.TABLE)}
"""How a split is drawn: its rows at most, and the picture."""


class Spot(NamedTuple):
    """Where a panel is in its file."""

    path: tuple[int | str, ...]
    lines: FileLines

    def wrong(self, message: str, *field: str) -> ConfigurationError:
        """Return the error of the panel, or of a field of it."""
        return self.lines.wrong([*self.path, *field], message)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PanelText(_Strict):
    """One panel of a board: a figure, or an analysis; which fields it takes depends on that."""

    figure: str | None = None
    analysis: str | None = None
    title: Annotated[str, Field(pattern=_TEXT % 60), AfterValidator(no_variable)] | None = None
    show: Annotated[PanelKind, Field(strict=False)] | None = None
    width: Annotated[int, Field(ge=4, le=24)] | None = None
    by: Annotated[list[str], Field(max_length=3)] = []
    every: Annotated[Interval, Field(strict=False)] = Interval.DAY
    of: str | None = None
    where: dict[str, Annotated[str, Field(pattern=PATTERN), AfterValidator(no_variable)]] = {}
    order: str | None = None
    limit: Annotated[int, Field(ge=1, le=_MOST_ROWS)] | None = None


class RowText(_Strict):
    """One row of a board."""

    title: Annotated[str, Field(pattern=_TEXT % 60), AfterValidator(no_variable)]
    panels: Annotated[list[PanelText], Field(min_length=1, max_length=12)]


class BoardText(_Strict):
    """A board as it stands in a file."""

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    title: Annotated[str, Field(pattern=_TEXT % 60), AfterValidator(no_variable)]
    about: Annotated[str, Field(pattern=_TEXT % 300), AfterValidator(no_variable)]
    range: Annotated[str, Field(pattern=r"^[1-9]\d{0,2}[hd]$")] = "30d"
    rows: Annotated[list[RowText], Field(min_length=1, max_length=20)]


class Boards(NamedTuple):
    """The boards of a folder, and the errors of the files that are none."""

    tabs: tuple[Tab, ...]
    errors: tuple[ConfigurationError, ...]


def uid_of(id_: str) -> str:
    """Return the uid of a board's dashboard."""
    return f"{_PREFIX}{id_}"


def boards(folder: Path) -> Boards:
    """Return the boards of a folder, by file name; figures of the installation have to be registered before."""
    tabs: dict[str, Tab] = {}
    errors: list[ConfigurationError] = []
    for path in files(folder, errors):
        try:
            tab = board(path)
        except ConfigurationError as error:
            errors.append(error)
            continue
        if tabs.setdefault(tab.uid, tab) is not tab:
            errors.append(ConfigurationError(f"{path}: id: another file of {folder} has it already"))
    return Boards(tuple(tabs.values()), tuple(errors))


def board(path: Path) -> Tab:
    """Return the board of one file.

    Raises
    ------
    ConfigurationError
        It cannot be read, or is no board: names the file, the line, the field and what was expected.
    """
    given, lines = parsed(path, BoardText)
    return Tab(
        uid=uid_of(given.id),
        title=given.title,
        about=given.about,
        rows=tuple(_row(given, number, lines) for number in range(len(given.rows))),
        variables=VARIABLES,
        audience="analyst",
        span=given.range,
    )


def _row(given: BoardText, number: int, lines: FileLines) -> PanelRow:
    row = given.rows[number]
    panels = [
        _panel((number + 1) * 20 + place, one, Spot(("rows", number, "panels", place), lines), uid_of(given.id))
        for place, one in enumerate(row.panels)
    ]
    tiles = iter(together(*(panel for panel in panels if panel.tile is not None)))
    return PanelRow(row.title, tuple(next(tiles) if panel.tile is not None else panel for panel in panels))


def _panel(id_: int, given: PanelText, at: Spot, board: str) -> Panel:
    if (given.figure is None) == (given.analysis is None):
        raise at.wrong("expected figure or analysis, one of them")
    if given.analysis is not None:
        return _analysis(id_, given, at, board)
    _refuse(given, _OF_ANALYSES, "a figure", at)
    kpi = _figure(given, at)
    panel = _of_figure(id_, given, kpi, given.show or PanelKind.NUMBER, at)
    return panel if given.title is None else replace(panel, title=given.title)


def _of_figure(id_: int, given: PanelText, kpi: Kpi, show: PanelKind, at: Spot) -> Panel:
    width = given.width or _WIDTHS[show]
    _check_split(given, kpi, show, at)
    if show is PanelKind.NUMBER:
        return tile(id_, "What is it now?", kpi.id, width=width)
    if show is PanelKind.LINE:
        title = f"{kpi.title} by {given.every}"
        return trend(id_, title, kpi.meaning, kpi.id, every=given.every, by=tuple(given.by), width=width)
    limit, picture = _PICTURES[show]
    return split_figure(id_, kpi.id, given.by, picture=picture, width=width, limit=limit)


def _analysis(id_: int, given: PanelText, at: Spot, board: str) -> Panel:
    name = given.analysis or ""
    if name not in PANELS:
        raise at.wrong(f"there is no analysis '{name}'; expected one of {', '.join(PANELS)}", "analysis")
    _refuse(given, _OF_FIGURES, "an analysis", at)
    how, show = PANELS[name], given.show or PanelKind.TABLE
    if show not in {PanelKind.TABLE, PanelKind.BARS}:
        raise at.wrong("an analysis is shown as table or bars", "show")
    for dimension in given.where:
        if dimension not in ANALYSES[name].filters:
            there = ", ".join(sorted(ANALYSES[name].filters)) or "nothing"
            raise at.wrong(f"{name} cannot be narrowed by '{dimension}'; expected one of {there}", "where")
    if missing := sorted(how.needs - given.where.keys()):
        raise at.wrong(f"{name} needs where, with {', '.join(missing)}")
    for field, column in (("order", given.order), ("of", given.of)):
        if column is not None and column not in how.numbers:
            there = ", ".join(how.numbers)
            raise at.wrong(f"{name} has no number '{column}'; expected one of {there}", field)
    if (show is PanelKind.BARS) != (given.of is not None):
        raise at.wrong("bars need of, the column that they show; a table has every column")
    limit = given.limit or _PICTURES[show][0]
    chosen = Chosen(given.title or "", given.where, given.order or "", limit, given.width or _WIDTHS[show])
    return table(id_, name, board, chosen) if given.of is None else bars(id_, name, given.of, chosen)


def _refuse(given: PanelText, fields: tuple[str, ...], what: str, at: Spot) -> None:
    """Raise where a panel has a field of the other kind."""
    for field in fields:
        if field in given.model_fields_set:
            raise at.wrong(f"{what} takes none", field)


def _figure(given: PanelText, at: Spot) -> Kpi:
    try:
        return get(given.figure or "")
    except InvalidRequest as error:
        raise at.wrong(error.message, "figure") from None


def _check_split(given: PanelText, kpi: Kpi, show: PanelKind, at: Spot) -> None:
    most = {PanelKind.NUMBER: 0, PanelKind.LINE: 1, PanelKind.BARS: 1, PanelKind.TABLE: 3}[show]
    least = 1 if show in {PanelKind.BARS, PanelKind.TABLE} else 0
    for name in given.by:
        if name not in kpi.dimensions:
            expected = ", ".join(kpi.dimensions) or "nothing"
            raise at.wrong(f"{kpi.id} has no '{name}'; expected one of {expected}", "by")
    if not least <= len(set(given.by)) == len(given.by) <= most:
        wanted = {0: "none", 1: "one", 3: "one to three"}[most] if least or not most else "at most one"
        raise at.wrong(f"shown as {show} it takes {wanted} of by, each once")
