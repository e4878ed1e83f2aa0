"""How wide a table's columns have to be, so that neither a heading nor a row's last figure is cut.

Grafana shares a table's width equally among the columns that have none of their own, however long their headings are,
and cuts a word that does not fit.
"""

from __future__ import annotations

import math
from typing import Final

from dashboards.panel import WIDTH, Column, Panel
from kpis.kpi import Unit

_PAGE: Final = 1108
"""Pixels that panels share on a screen 1,440 wide with Grafana's menu open."""
_GAP, _FRAME = 8, 24
# Of headings, in Grafana's type: a letter, the room around a word, and the mark of a column's filter.
_LETTER, _ROOM, _MARK = 7.6, 20, 24
_NARROWEST: Final = 60
_SENTENCE: Final = 170
"""Pixels below which a sentence becomes a tower of words."""
_AMOUNT: Final = 155
"""Pixels that an amount of millions takes with the code of its currency, in one line."""
_LISTS: Final = 20
"""Width from which a long table is a list to be searched."""
_LONG: Final = 9
"""Height from which a table has more rows than a reader looks through without pages."""
MOMENTS: Final = {"minute": 145, "day": 110}
"""Kind of time → pixels of its column."""


def is_long(panel: Panel) -> bool:
    """Return whether a table has pages."""
    return panel.height >= _LONG


def is_searched(panel: Panel) -> bool:
    """Return whether a table's columns have filters."""
    return is_long(panel) and panel.width >= _LISTS


def inner(panel: Panel) -> int:
    """Return the pixels that a table's columns share on a screen 1,440 wide."""
    return int((_PAGE + _GAP) * panel.width / WIDTH) - _GAP - _FRAME


def needed(column: Column, panel: Panel) -> int:
    """Return the pixels that the longest word of a column's heading takes, and a sentence or an amount."""
    longest = max(map(len, column.title.split()), default=0)
    narrowest = _NARROWEST
    if not column.width:
        narrowest = _SENTENCE if column.wrap else _AMOUNT if column.unit is Unit.MONEY else _NARROWEST
    return max(narrowest, math.ceil(_LETTER * longest) + _ROOM + (_MARK if is_searched(panel) else 0))


def widths(panel: Panel) -> dict[str, int]:
    """Return the pixels of the columns that an equal share would cut, by name; the others share what is left."""
    shown = [column for column in panel.columns if not column.hidden]
    found = {column.name: width for column in shown if (width := _own(column, panel))}
    while rest := [column for column in shown if column.name not in found]:
        share = (inner(panel) - sum(found.values())) / len(rest)
        wide = {column.name: width for column in rest if (width := needed(column, panel)) > share}
        if not wide:
            break
        found |= wide
    return found


def _own(column: Column, panel: Panel) -> int:
    """Return the width that a column was given, or that its times take; 0: none."""
    own = column.width or (MOMENTS[column.moment] if column.moment else 0)
    return max(own, needed(column, panel)) if own else 0
