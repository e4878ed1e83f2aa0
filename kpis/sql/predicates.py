"""Predicates joined by AND."""

from __future__ import annotations

TRUE = "true"


def all_of(*predicates: str) -> str:
    """Return the conjunction of predicates, without those that are always true."""
    return " AND ".join(predicate for predicate in predicates if predicate not in {"", TRUE}) or TRUE
