"""Normalisation of words before they are compared."""

from __future__ import annotations

import re
from typing import Final

_LOWER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
# Only what separates words: any other sign may change the meaning (``!ok``, ``不OK``).
_SEPARATOR: Final = "[ ._,:/()-]"
_SEPARATORS: Final = re.compile(_SEPARATOR)
# British spellings as American ones: cancelled, unauthorised, synchronised.
_BRITISH: Final = (("cancell", "cancel"), ("ised", "ized"), ("ising", "izing"))


def squashed(word: str) -> str:
    """Return a word in lower case, without separators, in American spelling: ``timed-out`` and ``TimedOut`` are one."""
    text = _SEPARATORS.sub("", word.translate(_LOWER))
    for british, american in _BRITISH:
        text = text.replace(british, american)
    return text


def squashed_sql(column: str) -> str:
    """Return the same for a column, as a ClickHouse expression."""
    text = f"replaceRegexpAll(lower({column}), '{_SEPARATOR}', '')"
    for british, american in _BRITISH:
        text = f"replaceAll({text}, '{british}', '{american}')"
    return text
