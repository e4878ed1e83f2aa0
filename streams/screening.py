"""Personal data in labels: e-mail addresses, phone numbers and card numbers are replaced before anything is stored.

Labels are chosen by producers and sometimes contain text that a person wrote. Phone numbers are found by Google's
libphonenumber (with their country code), card numbers by their check digit. Every distinct text is checked once.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

import phonenumbers
import pyarrow as pa
from stdnum import luhn

from models.rows import LABEL, LABELS

# Pre-filter: a text without an @ and without seven digits near each other has no personal data of these kinds.
_SUSPICIOUS: Final = re.compile(r"@|\d(?:[^\da-zA-Z]{0,3}\d){6}")
_EMAIL: Final = re.compile(r"[^\s@<>()\[\]{}:;,\"']+@[^\s@<>()\[\]{}:;,\"']+\.[^\s@<>()\[\]{}:;,\"'.]{2,}")
_CARD: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_DIGITS: Final = re.compile(r"[ -]")
# Columns that are not free text: pseudonyms, and values with a strict pattern.
_NOT_FREE: Final = frozenset({"customer_id", "integration_provider", "country"})
_REMEMBERED: Final = 65_536


class LabelScreen:
    """Replaces personal data in the labels of rows."""

    def __init__(self) -> None:
        self.screened = lru_cache(maxsize=_REMEMBERED)(screened)

    def rows(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Counter[str]]:
        """Return rows with personal data in labels replaced, and the number of such labels by kind."""
        found: Counter[str] = Counter()
        for place, field in enumerate(rows.schema):
            if field.type == LABEL and field.name not in _NOT_FREE:
                column = self._labels(rows.column(place), found)
            elif field.type == LABELS:
                lists: Any = rows.column(place)
                inner = self._labels(lists.flatten(), found)
                column = None if inner is None else pa.ListArray.from_arrays(_offsets(lists), inner)
            else:
                continue
            if column is not None:
                rows = rows.set_column(place, field, column.cast(field.type))
        return rows, found

    def _labels(self, column: Any, found: Counter[str]) -> pa.Array[Any] | None:
        """Return a column with personal data replaced; ``None`` where there was none."""
        encoded = column.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        clean = [self.screened(text) for text in texts]
        if not any(kinds for _, kinds in clean):
            return None
        counts = Counter(encoded.indices.to_pylist())
        for place, (_, kinds) in enumerate(clean):
            for kind in kinds:
                found[kind] += counts[place]
        replaced: pa.Array[Any] = pa.array([text for text, _ in clean], column.type).take(encoded.indices)
        return replaced


def screened(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text with personal data replaced by its kind in brackets, and the kinds that were found."""
    if not _SUSPICIOUS.search(text):
        return text, ()
    kinds: list[str] = []
    replaced = _EMAIL.sub("[e-mail]", text)
    if replaced != text:
        kinds.append("e-mail")
    without = _CARD.sub(_card, replaced)
    if without != replaced:
        kinds.append("card")
    matches = list(phonenumbers.PhoneNumberMatcher(without, None))
    for match in reversed(matches):
        without = without[: match.start] + "[phone]" + without[match.end :]
    if matches:
        kinds.append("phone")
    return without, tuple(kinds)


def _card(found: re.Match[str]) -> str:
    return "[card]" if luhn.is_valid(_DIGITS.sub("", found[0])) else found[0]


def _offsets(lists: Any) -> list[int]:
    """Return the offset of each list in the flattened column."""
    return [0, *accumulate(0 if one is None else len(one) for one in lists.to_pylist())]
