"""A parametrised SQL statement: pure code builds it, code with a connection runs it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Query(NamedTuple):
    """A statement and the values that ClickHouse binds to its ``{name:Type}`` parameters."""

    sql: str
    parameters: dict[str, Any]
