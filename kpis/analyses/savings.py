"""What was saved, shown apart: durable resolutions that are confirmed, those still assumed to last, and both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kpis.analyses import ledger
from kpis.asked import Asked
from kpis.settings_model import missing_note
from kpis.statistics import wilson


def savings(asked: Asked) -> str:
    """Return counts and money of durable resolutions, one row per tenant."""
    return f"""WITH {ledger.ledger(asked, net=False)}
SELECT user_id, sum(l.conversations) AS conversations, sum(l.durable) AS durable, sum(l.confirmed) AS confirmed,
    sum(l.gross) AS gross, sum(l.gross_confirmed) AS gross_confirmed, sum(l.at_most) AS at_most,
    countIf(l.contact IS NULL) > 0 AS lacking
FROM ledger AS l
GROUP BY user_id
ORDER BY user_id
"""


def apart(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return three rows per tenant: ``confirmed`` (the days are over), ``assumed`` (not yet) and ``durable`` (both).

    Rates are of all conversations that came in, with 95 % bounds. Money is ``None`` where the cost of a human contact
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
