"""Common setup of sheets: frozen heading, filter, column widths, print setup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final

from wcwidth import iter_graphemes
from xlsxwriter.worksheet import Worksheet

from kpis.currency import digits, prefix
from kpis.kpi import Unit
from kpis.text import columns, printable

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
    # Where the currency is not known; ``money_format`` where it is.
    Unit.MONEY: "#,##0.00##",
}
_WIDEST: Final = 45
"""Maximum width of a column; longer texts wrap."""
_NARROWEST: Final = 8
# The filter button takes space in the heading's cell.
_MARGIN: Final = 3
_A4: Final = 9
_LINE_POINTS: Final = 15
_MAX_LINES: Final = 27  # Excel's maximum row height in points
_MAX_NAME: Final = 31
# A shortened name does not end with one of these.
_JOINING: Final = frozenset(["a", "and", "by", "for", "from", "in", "of", "on", "or", "per", "the", "to", "with"])
NUMBER_LAYOUT: Final = {"valign": "top", "align": "right", "indent": 1}
"""Alignment of number cells, with a gap to a following text."""
TIME_LAYOUT: Final = {"valign": "top", "align": "left"}
"""Alignment of time and date cells."""
TRUTH_LAYOUT: Final = {"valign": "top", "align": "left", "num_format": '"yes";"yes";"no"'}
"""Alignment of boolean cells; Excel has its own words for them, LibreOffice would show 1 and 0."""
TEXT_LAYOUT: Final = {"valign": "top", "text_wrap": True}
"""Alignment of text cells."""


def money_format(currency: str) -> str:
    """Return the format of amounts of a currency: its sign or code, and its digits."""
    places = digits(currency)
    return f'"{prefix(currency)}"#,##0{f".{0:0{places}d}" if places else ""}'


def room(cell: Any) -> int:
    """Return the width of a cell in characters of the sheet's font."""
    if isinstance(cell, datetime):
        return len(TIME)
    if isinstance(cell, date):
        return len(DAY)
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        return len(f"{cell:,.2f}")
    return min(columns(str(cell)), _WIDEST) if cell is not None else 0


def height(cells: Iterable[Any]) -> int | None:
    """Return the height of a row in points for its longest text; ``None``: the default.

    LibreOffice does not compute it on opening.
    """
    lines = max((_lines(cell) for cell in cells if isinstance(cell, str)), default=1)
    return min(lines, _MAX_LINES) * _LINE_POINTS if lines > 1 else None


def _lines(text: str) -> int:
    """Return the number of lines of a text in the widest column; only words longer than a line are split."""
    limit = _WIDEST
    if len(text) * (1 if text.isascii() else 2) <= limit:
        return 1
    lines, taken = 1, 0
    for word in text.split():
        wide = columns(word)
        if taken and taken + 1 + wide > limit:
            lines, taken = lines + 1, 0
        taken += wide + (1 if taken else 0)
        lines, taken = lines + taken // (limit + 1), taken % (limit + 1)
    return lines


def names(title: str) -> Iterator[str]:
    """Yield valid sheet names for Excel, the plain one first: shortened between words, never ``History``."""
    plain = "".join(letter for letter in printable(title) if letter not in "[]:*?/\\").strip(" '") or "Table"
    plain = f"{plain} of figures" if plain.lower() == "history" else plain
    yield _cut(plain, _MAX_NAME)
    for number in count(2):
        yield f"{_cut(plain, _MAX_NAME - len(str(number)) - 1)} {number}"


def _cut(text: str, limit: int) -> str:
    """Return the leading words of a text that fit; Excel counts UTF-16 units."""
    if _units(text) <= limit:
        return text
    kept: list[str] = []
    for word in text.split(" "):
        if _units(" ".join([*kept, word])) > limit:
            break
        kept.append(word)
    while len(kept) > 1 and kept[-1].lower().strip(",;") in _JOINING:
        kept.pop()
    if kept:
        return " ".join(kept).rstrip(",; ")
    letters = ""
    for grapheme in iter_graphemes(text):
        if _units(letters + grapheme) > limit:
            break
        letters += grapheme
    return letters or "Table"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def lay_out(sheet: Worksheet, head: Sequence[str], rooms: Sequence[int], rows: int) -> None:
    """Set up a sheet whose first row is its heading.

    Parameters
    ----------
    rooms
        Width of the widest cell of each column, without the heading.
    rows
        Number of rows below the heading.
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
