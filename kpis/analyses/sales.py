"""Each sale with what came before and after it: the customer's uses of integration data, and what was paid back later.

No verdicts: which of the uses share the amount is decided when it is asked (``attribution``). A refund in a
conversation without a sale lowers the customer's latest sale before it, up to ``REFUND_DAYS`` later.
"""

from __future__ import annotations

from typing import Final

from kpis.settings_model import SETTINGS

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

_SALES: Final = f"""(
SELECT
    sale.user_id AS user_id,
    sale.entered_at AS entered_at,
    sale.conversation_id AS conversation_id,
    sale.customer AS customer,
    sale.channel AS channel,
    sale.country AS country,
    sale.customer_segment AS customer_segment,
    sale.sales AS sales,
    sale.refunds + arraySum(one -> one.3, arrayFilter(
        one -> one.1 = sale.conversation_id AND one.2 < sale.entered_at + INTERVAL {REFUND_DAYS} DAY, person.paid_back
    )) AS refunds,
    arrayConcat(
        arrayMap(one -> (one.1, one.4), arrayFilter(
            one -> one.3 AND one.2 != sale.conversation_id AND one.1 <= sale.entered_at
                AND one.1 >= sale.entered_at - INTERVAL {SETTINGS["attribution_window_days"].highest} DAY,
            person.known)),
        if(sale.data_used, [(sale.entered_at, sale.providers)], [])
    ) AS touches
FROM (SELECT * FROM {{rows}} WHERE sales > 0) AS sale
LEFT JOIN
(
    SELECT
        user_id,
        customer,
        arraySort(groupArray((entered_at, conversation_id, data_used, providers, sales, refunds))) AS known,
        arrayMap(
            back -> (arrayLast(one -> one.5 > 0 AND one.1 <= back.1, known).2, back.1, back.6),
            arrayFilter(one -> one.5 = 0 AND one.6 > 0, known)
        ) AS paid_back
    FROM {{rows}}
    GROUP BY user_id, customer
    HAVING count() <= {MAX_CONVERSATIONS}
) AS person ON sale.user_id = person.user_id AND sale.customer = person.customer
)"""
_ON_ONE_LINE: Final = " ".join(_SALES.split())


def sales_of(rows: str) -> str:
    """Return the subquery of ``SALE`` of all sales among ``rows``: a subquery of all ``CONVERSATION`` of customers."""
    return _ON_ONE_LINE.format(rows=rows)
