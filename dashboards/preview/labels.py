"""Texts in a chart, made fit before Vega sees them: Vega cuts between code units, in the middle of an emoji."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kpis.text import distinct, printable

Spec = dict[str, Any]

_SHOWN: Final = frozenset({"label", "series", "state", "title", "bucket"})
"""Fields of a chart's values that are drawn as text."""
_COLUMNS: Final = 34


def fitted(spec: Spec) -> Spec:
    """Return a chart whose values hold only what can be printed, and whose drawn texts are short and still differ."""
    short = distinct(sorted(_texts(spec)), _COLUMNS)
    fitted_spec: Spec = _fitted(spec, short)
    return fitted_spec


def _texts(part: Any) -> Iterator[str]:
    """Yield every text that is drawn."""
    if isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, dict):
        for row in part["values"] if isinstance(part.get("values"), list) else ():
            yield from (text for name, text in row.items() if name in _SHOWN and isinstance(text, str))
        for one in part.values():
            yield from _texts(one)


def _fitted(part: Any, short: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [short.get(one, one) if isinstance(one, str) else _fitted(one, short) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: [_row(row, short) for row in inside]
        if name == "values" and isinstance(inside, list)
        else _fitted(inside, short)
        for name, inside in part.items()
    }


def _row(row: Spec, short: dict[str, str]) -> Spec:
    return {
        name: text if not isinstance(text, str) else short[text] if name in _SHOWN else printable(text)
        for name, text in row.items()
    }
