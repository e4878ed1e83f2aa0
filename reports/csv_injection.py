"""Protection against CSV injection (OWASP): texts that a spreadsheet would evaluate as formulas."""

from __future__ import annotations

import re
from typing import Any, Final

_BLANKS: Final = "\t-\r \x1c-\x1f\x85\xa0\u1680\u180e\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
# Some spreadsheets convert full-width signs and ignore leading blanks.
FORMULA: Final = f"\\A(?:[\t\r\n]|[{_BLANKS}]*[=+\\-@\uff1d\uff0b\uff0d\uff20])"
"""Pattern of texts that are evaluated as formulas; also used by RE2."""
_FORMULA: Final = re.compile(FORMULA)


def neutral(cell: Any) -> Any:
    """Return a safe cell: a text that begins like a formula gets a leading apostrophe."""
    if isinstance(cell, str) and _FORMULA.match(cell):
        return f"'{cell}"
    return cell
