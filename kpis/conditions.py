"""What connectors say of a sync, as a predicate: the words are those of ``models.sync_status``."""

from __future__ import annotations

from models.sync_status import Condition, words_of


def is_one_of(column: str, *conditions: Condition) -> str:
    """Return the predicate that a status means one of some conditions, however it is spelled."""
    words = ", ".join(f"'{word}'" for word in words_of(*conditions))
    return f"translate(lower(trim({column})), ' -', '__') IN ({words})"
