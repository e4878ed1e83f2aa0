"""A question to ClickHouse: what is pure builds one, what has a connection asks it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Query(NamedTuple):
    """A statement and the values that ClickHouse binds to its ``{name:Type}`` parameters."""

    sql: str
    parameters: dict[str, Any]
