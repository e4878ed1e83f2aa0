"""Each sale with what came before and after it: the customer's uses of integration data, and what was paid back later.

No verdicts: which of the uses share the amount is decided when it is asked (``attribution``). A refund in a
conversation without a sale lowers the customer's latest sale before it, up to ``REFUND_DAYS`` later.
"""

from __future__ import annotations

from typing import Final

from kpis.settings_model import SETTINGS
from kpis.sql.templates import Templates

REFUND_DAYS: Final = 90
MAX_CONVERSATIONS: Final = 1000
"""Who has more of them is not taken for one person but for a label, such as "guest": each stands alone."""

CUSTOMER: Final = "if(customer_id = '', toString(conversation_id), customer_id)"
"""Whose a row of facts is; one that names nobody is its own customer."""

CONVERSATION: Final = (
    "user_id, customer, entered_at, conversation_id, channel, country, customer_segment, data_used, providers, sales, "
    "refunds"
)
"""What must be known of a customer's conversations: the columns of ``customer_conversations``."""

SALE: Final = (
    "user_id, entered_at, conversation_id, customer, channel, country, customer_segment, sales, refunds, touches"
)
"""The columns of ``conversation_sales``."""

MATTERS: Final = "data_used OR sales > 0 OR refunds > 0"
"""Whether a row of facts must be known of its customer."""

_SQL: Final = Templates("kpis.analyses", "sales.sql")


def sales_of(rows: str) -> str:
    """Return the subquery of ``SALE`` of all sales among ``rows``: a subquery of all ``CONVERSATION`` of customers."""
    return _SQL.render(
        "sales",
        rows=rows,
        refund_days=str(REFUND_DAYS),
        window_days=f"{SETTINGS['attribution_window_days'].highest}",
        max_conversations=str(MAX_CONVERSATIONS),
    )
