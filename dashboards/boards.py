"""Boards: tabs of figures that an installation lays out for itself, one YAML file each in ``boards.d``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from dashboards.own_figures import VARIABLES
from dashboards.panel import Panel, PanelRow, PanelType, Tab
from dashboards.tabs.parts import split_figure, tile, together, trend
from kpis.custom.yaml_files import FileLines, files, parsed
from kpis.kpi import Kpi
from kpis.registry import get
from kpis.scope import Interval
from models.errors import ConfigurationError, InvalidRequest

_PREFIX: Final = "romashka-board-"
# Both stand in Grafana's JSON, where braces and $ mean something.
_TEXT: Final = r"^[^\x00-\x1f\x7f-\x9f{}$<>]{1,%d}$"


class PanelKind(StrEnum):
    """How a figure is shown."""

    NUMBER = "number"
    LINE = "line"
    BARS = "bars"
    TABLE = "table"


_WIDTHS: Final = {PanelKind.NUMBER: 6, PanelKind.LINE: 12, PanelKind.BARS: 12, PanelKind.TABLE: 24}


_PICTURES: Final = {PanelKind.BARS: (20, PanelType.BARS), PanelKind.TABLE: (100, PanelType.TABLE)}
"""How a split is drawn: its rows at most, and the picture."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PanelText(_Strict):
    """One panel of a board."""

    figure: str
    show: Annotated[PanelKind, Field(strict=False)] = PanelKind.NUMBER
    by: Annotated[list[str], Field(max_length=3)] = []
    every: Annotated[Interval, Field(strict=False)] = Interval.DAY
    width: Annotated[int, Field(ge=4, le=24)] | None = None


class RowText(_Strict):
    """One row of a board."""

    title: Annotated[str, Field(pattern=_TEXT % 60)]
    panels: Annotated[list[PanelText], Field(min_length=1, max_length=12)]


class BoardText(_Strict):
    """A board as it stands in a file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}$")]
    title: Annotated[str, Field(pattern=_TEXT % 60)]
    about: Annotated[str, Field(pattern=_TEXT % 300)]
    range: Annotated[str, Field(pattern=r"^[1-9]\d{0,2}[hd]$")] = "30d"
    rows: Annotated[list[RowText], Field(min_length=1, max_length=20)]


class Boards(NamedTuple):
    """The boards of a folder, and the errors of the files that are none."""

    tabs: tuple[Tab, ...]
    errors: tuple[ConfigurationError, ...]


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
        uid=f"{_PREFIX}{given.id}",
        title=given.title,
        about=given.about,
        rows=tuple(_row(given, number, lines) for number in range(len(given.rows))),
        variables=VARIABLES,
        audience="analyst",
        span=f"now-{given.range}",
    )


def _row(given: BoardText, number: int, lines: FileLines) -> PanelRow:
    row = given.rows[number]
    panels = [
        _panel((number + 1) * 20 + place, one, ("rows", number, "panels", place), lines)
        for place, one in enumerate(row.panels)
    ]
    tiles = iter(together(*(panel for panel in panels if panel.tile is not None)))
    return PanelRow(row.title, tuple(next(tiles) if panel.tile is not None else panel for panel in panels))


def _panel(id_: int, given: PanelText, place: tuple[int | str, ...], lines: FileLines) -> Panel:
    kpi = _figure(given, place, lines)
    width = given.width or _WIDTHS[given.show]
    _check_split(given, kpi, place, lines)
    if given.show is PanelKind.NUMBER:
        return tile(id_, "What is it now?", kpi.id, width=width)
    if given.show is PanelKind.LINE:
        title = f"{kpi.title} by {given.every}"
        return trend(id_, title, kpi.meaning, kpi.id, every=given.every, by=tuple(given.by), width=width)
    limit, picture = _PICTURES[given.show]
    return split_figure(id_, kpi.id, given.by, picture=picture, width=width, limit=limit)


def _figure(given: PanelText, place: tuple[int | str, ...], lines: FileLines) -> Kpi:
    try:
        return get(given.figure)
    except InvalidRequest as error:
        raise lines.wrong([*place, "figure"], error.message) from None


def _check_split(given: PanelText, kpi: Kpi, place: tuple[int | str, ...], lines: FileLines) -> None:
    most = {PanelKind.NUMBER: 0, PanelKind.LINE: 1, PanelKind.BARS: 1, PanelKind.TABLE: 3}[given.show]
    least = 1 if given.show in {PanelKind.BARS, PanelKind.TABLE} else 0
    for name in given.by:
        if name not in kpi.dimensions:
            expected = ", ".join(kpi.dimensions) or "nothing"
            raise lines.wrong([*place, "by"], f"{kpi.id} has no '{name}'; expected one of {expected}")
    if not least <= len(set(given.by)) == len(given.by) <= most:
        wanted = {0: "none", 1: "one", 3: "one to three"}[most] if least or not most else "at most one"
        raise lines.wrong([*place], f"shown as {given.show} it takes {wanted} of by, each once")
