"""Texts as SQL literals, where ClickHouse takes no bound parameter: partition ids, table functions, file names."""

from __future__ import annotations


def literal(text: str) -> str:
    """Return a text as a string literal of ClickHouse."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
