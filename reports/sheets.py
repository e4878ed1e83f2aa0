"""What every sheet of a workbook has: a heading that stays, a filter, columns as wide as needed, print setup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from xlsxwriter.worksheet import Worksheet

from kpis.kpi import Unit
from kpis.text import columns

TIME: Final = "yyyy-mm-dd hh:mm:ss"
DAY: Final = "yyyy-mm-dd"
FORMATS: Final = {
    Unit.COUNT: "#,##0",
    Unit.RATIO: "0.0%",
    Unit.MONEY_RATIO: "#,##0%",
    Unit.SCORE: "0.00",
    Unit.MILLISECONDS: "#,##0",
    Unit.MINUTES: "0.0",
    Unit.HOURS: "0.0",
    Unit.STARS: "0.00",
    Unit.MONEY: "#,##0.00",
}
_WIDEST: Final = 60
_NARROWEST: Final = 8
# The button of the filter stands in the heading's cell.
_MARGIN: Final = 3
_A4: Final = 9


def room(cell: Any) -> int:
    """Return how many columns of a sheet's font a cell takes."""
    if isinstance(cell, datetime):
        return len(TIME)
    if isinstance(cell, date):
        return len(DAY)
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        return len(f"{cell:,.2f}")
    return min(columns(str(cell)), _WIDEST) if cell is not None else 0


def lay_out(sheet: Worksheet, head: Sequence[str], rooms: Sequence[int], rows: int) -> None:
    """Set up a sheet whose first row is its heading.

    Parameters
    ----------
    rooms
        How many columns the widest cell of each column takes, without the heading.
    rows
        How many there are below the heading.
    """
    for place, (name, widest) in enumerate(zip(head, rooms, strict=True)):
        sheet.set_column(place, place, min(max(columns(name) + _MARGIN, widest + 2, _NARROWEST), _WIDEST))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(rows, 1), len(head) - 1)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&L&A&R&P / &N")
