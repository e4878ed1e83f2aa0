"""What Grafana and its ClickHouse plugin make of a statement: variables first, then macros, as their sources do it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

Value = str | Sequence[str]
ALL: Final = object()
"""What "All" is chosen for: the variable's own text for it goes in as it is, in whatever format."""
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_MACRO: Final = re.compile(r"\$__\w+")


def expanded(sql: str, variables: Mapping[str, Value | object], start: datetime, end: datetime) -> str:
    """Return what reaches ClickHouse; a variable or a macro that is not known is an error."""

    def filled(found: re.Match[str]) -> str:
        value = variables[found[1]]
        if value is ALL:
            return "all"
        assert isinstance(value, str | Sequence)
        return _FORMATS[found[2]](value)

    moments = {"$__fromTime": start, "$__toTime": end}
    # Macros first: what a variable holds is the viewer's, and must not be read as a macro by the test alone.
    with_times = _MACRO.sub(lambda found: f"toDateTime({int(moments[found[0]].timestamp())})", sql)
    return _VARIABLE.sub(filled, with_times)


def _percent_encoded(value: Value) -> str:
    """encodeURIComponent and ``!'()*`` besides, over ``{a,b}`` where several values may be chosen."""
    return quote(value if isinstance(value, str) else "{" + ",".join(value) + "}", safe="")


_FORMATS: Final = {"percentencode": _percent_encoded}
