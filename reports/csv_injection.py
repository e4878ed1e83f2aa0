"""Texts that a spreadsheet would take for formulas, made harmless (OWASP, CSV injection)."""

from __future__ import annotations

import re
from typing import Any, Final

_BLANKS: Final = "\t-\r \x1c-\x1f\x85\xa0\u1680\u180e\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
# Some spreadsheets turn full-width signs into plain ones, and leave out blanks before them.
FORMULA: Final = f"\\A(?:[\t\r\n]|[{_BLANKS}]*[=+\\-@\uff1d\uff0b\uff0d\uff20])"
"""A text that begins like this is taken for a formula; read by RE2 too."""
_FORMULA: Final = re.compile(FORMULA)


def neutral(cell: Any) -> Any:
    """Return a cell that no spreadsheet computes: a text that begins like a formula gets an apostrophe before it."""
    if isinstance(cell, str) and _FORMULA.match(cell):
        return f"'{cell}"
    return cell
