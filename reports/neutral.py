"""Texts that a spreadsheet would take for formulas, made harmless (OWASP, CSV injection)."""

from __future__ import annotations

from typing import Any, Final

_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutral(cell: Any) -> Any:
    """Return a cell that no spreadsheet computes: a text that begins like a formula gets an apostrophe before it."""
    if isinstance(cell, str) and cell.startswith(_BEGINNINGS):
        return f"'{cell}"
    return cell
