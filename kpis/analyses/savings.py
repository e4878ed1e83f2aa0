"""Savings of durable resolutions: confirmed, assumed, and both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis.analyses import costs
from kpis.settings_model import missing_note
from kpis.sources.conversation_counts import counts
from kpis.sql.query_context import QueryContext
from kpis.statistics import wilson

_READS: Final = frozenset({"conversations", "durable_count", "confirmed_count"})


def savings(asked: QueryContext) -> str:
    """Return counts and money of durable resolutions, one row per tenant."""
    return f"""WITH {costs.prices(asked)},
counted AS
(
    SELECT user_id, toDate(at) AS day, sum(c.conversations) AS conversations, sum(c.durable_count) AS durable,
        sum(c.confirmed_count) AS confirmed
    FROM {counts(replace(asked, reads=_READS))} AS c
    GROUP BY user_id, day
    UNION ALL
    SELECT user_id, day, 0 AS conversations, 0 AS durable, 0 AS confirmed FROM prices
)
SELECT user_id, sum(c.conversations) AS conversations, sum(c.durable) AS durable, sum(c.confirmed) AS confirmed,
    sum(c.durable * contact) AS gross, sum(c.confirmed * contact) AS gross_confirmed,
    sum(c.conversations * contact) AS at_most, countIf(contact IS NULL) > 0 AS lacking
FROM counted AS c LEFT JOIN prices USING (user_id, day)
GROUP BY user_id
ORDER BY user_id
"""


def apart(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return three rows per tenant: ``confirmed``, ``assumed`` and ``durable``.

    ``confirmed``: the waiting time is over; ``assumed``: not yet; ``durable``: both.

    Rates are shares of all conversations, with 95 % bounds. Money is ``None`` where the cost of a human contact
    is not set for every day.
    """
    made = []
    for row in rows:
        confirmed, durable, whole = int(row["confirmed"]), int(row["durable"]), int(row["conversations"])
        all_money, sure_money = (None if row["lacking"] else row[name] for name in ("gross", "gross_confirmed"))
        parts = {
            "confirmed": (confirmed, sure_money),
            "assumed": (durable - confirmed, None if all_money is None else all_money - sure_money),
            "durable": (durable, all_money),
        }
        note = missing_note(["cost_per_human_contact"]) if row["lacking"] else ""
        for name, (count, money) in parts.items():
            bounds = wilson(count, whole)
            known = not row["lacking"] and bounds.lower is not None and bounds.upper is not None
            made.append(
                {
                    "user_id": row["user_id"],
                    "resolutions": name,
                    "count": count,
                    "of": whole,
                    "rate": count / whole if whole else None,
                    "rate_lower": bounds.lower,
                    "rate_upper": bounds.upper,
                    "saved": money,
                    "saved_lower": float(row["at_most"]) * (bounds.lower or 0.0) if known else None,
                    "saved_upper": float(row["at_most"]) * (bounds.upper or 0.0) if known else None,
                    "note": note,
                }
            )
    return made
