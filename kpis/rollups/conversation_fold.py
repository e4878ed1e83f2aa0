"""Folds the events of a conversation into one row of facts.

Every conversation is counted at its entry, ``entered_at``: the earliest time in any of its events. ``seen`` orders the
events of a conversation independently of their arrival. Whether a resolution was durable is derived at query time from
these facts and a number of days (``kpis/sources``).
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
        Predicate over ``user_id`` and ``conversation_id``. It is used in PREWHERE, which is correct with FINAL because
        all versions of an event share the sorting key.
    """
    return _SQL.render("fold", those=those)
