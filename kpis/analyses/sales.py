"""Sales with the customer's earlier touches of integration data and with later refunds.

The attribution rule is applied at query time (``attribution``). A refund in a conversation without a sale lowers the
customer's latest sale before it, up to ``REFUND_DAYS`` later.
"""

from __future__ import annotations

from typing import Final

from kpis.settings_model import SETTINGS
from kpis.sql.templates import Templates

REFUND_DAYS: Final = 90
MAX_CONVERSATIONS: Final = 1000
"""A customer id with more conversations is treated as a shared label, such as "guest": its conversations are not
linked."""

CUSTOMER: Final = "if(customer_id = '', toString(conversation_id), customer_id)"
"""The customer of a row of facts; a conversation without one is its own customer."""

CONVERSATION: Final = (
    "user_id, customer, entered_at, conversation_id, channel, country, customer_segment, stage, data_used, providers, "
    "converted, resolved, sales, refunds"
)
"""The columns of ``customer_conversations``."""

SALE: Final = (
    "user_id, entered_at, conversation_id, customer, channel, country, customer_segment, sales, refunds, touches"
)
"""The columns of ``conversation_sales``."""

MATTERS: Final = "data_used OR sales > 0 OR refunds > 0"
"""Whether a row of ``CONVERSATION`` matters for revenue."""

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
