"""What happened to a conversation, folded from its events into one row of facts. No verdicts.

Every conversation is counted at ``entered_at``, the moment its demand came in: the earliest moment that any of its
events tells of. ``seen`` orders the events of a conversation the same way whatever order they arrived in. Whether a
resolution was durable follows from these facts and a number of days at query time (``kpis/sources``).
"""

from __future__ import annotations

from typing import Final

from kpis.sql.templates import Templates

_SQL: Final = Templates("kpis.rollups", "conversation_fold.sql")


def folded(those: str) -> str:
    """Return the subquery of the facts of conversations.

    Parameters
    ----------
    those
        Which, as a predicate over ``user_id`` and ``conversation_id``. It is applied before the events' other columns
        are read; that is right in spite of FINAL, because all copies of an event share the sorting key.
    """
    return _SQL.render("fold", those=those)
