"""Whose revenue it was: sales that integration data had a part in, shared out by the tenant's rule.

A *touch* is a conversation in which integration data was used. A sale is *influenced* if its own conversation is a
touch, or if the same customer had one within the tenant's window (``attribution_window_days``) before the
conversation came in. The rule (``attribution_rule``) says which touches share the amount: the last, the first, or all
of them equally (linear); within a touch its integrations share equally. Amounts are sales less refunds. A refund in a
conversation without a sale lowers the customer's latest sale before it, up to ``REFUND_DAYS`` later. Window and rule
are those in force on the day the conversation came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis.analyses.facts import Over, conversations_of
from kpis.asked import Asked
from kpis.settings_model import SETTINGS
from kpis.sources import conversations
from kpis.sources.conversation_counts import counts
from kpis.sources.conversations import DIMENSIONS
from kpis.statistics import Arm, Stratum, difference, scaled

REFUND_DAYS: Final = 90
UNNAMED: Final = "unnamed"
"""The integration of a touch that says it used data, and not which."""

# Splitting an amount keeps six decimals, so the parts add up to the whole to a hundredth of a cent.
_INFLUENCED: Final = """
WITH {several}{wide},
rules AS
(
    SELECT user_id, effective_from, setting, value
    FROM tenant_settings FINAL
    WHERE {tenant} AND setting IN ('attribution_window_days', 'attribution_rule')
),
touches AS
(
    SELECT user_id, customer_id, arraySort(groupArray((entered_at, conversation_id, providers))) AS touches
    FROM {facts} AS facts
    WHERE data_used AND customer_id != ''
    GROUP BY user_id, customer_id
),
late_refunds AS
(
    SELECT sale.user_id AS user_id, sale.conversation_id AS conversation_id, sum(refund.refunds) AS amount
    FROM (SELECT * FROM wide WHERE sales = 0 AND refunds > 0 AND customer_id != '') AS refund
    ASOF JOIN (SELECT * FROM wide WHERE sales > 0 AND customer_id != '') AS sale
        ON refund.user_id = sale.user_id AND refund.customer_id = sale.customer_id
        AND refund.entered_at >= sale.entered_at
    WHERE refund.entered_at < sale.entered_at + INTERVAL {refund_days} DAY
    GROUP BY user_id, conversation_id
),
-- The settings of each sale's day; entries that begin later do not count.
sold AS
(
    SELECT
        wide.user_id AS user_id, wide.conversation_id AS conversation_id,
        any(wide.entered_at) AS entered_at, any(wide.customer_id) AS customer_id,
        any(wide.channel) AS channel, any(wide.country) AS country, any(wide.customer_segment) AS customer_segment,
        any(wide.data_used) AS data_used, any(wide.providers) AS own,
        any(wide.sales) AS sales, any(wide.refunds) AS refunds,
        argMaxIf(rules.value, rules.effective_from,
            rules.effective_from <= toDate(wide.entered_at) AND rules.setting = 'attribution_rule') AS set_rule,
        argMaxIf(rules.value, rules.effective_from,
            rules.effective_from <= toDate(wide.entered_at) AND rules.setting = 'attribution_window_days'
        ) AS set_window,
        if(set_rule = '', '{rule}', set_rule) AS rule,
        toUInt16(if(set_window = '', '{window}', set_window)) AS window_days
    FROM wide LEFT JOIN rules USING (user_id)
    WHERE wide.sales > 0 AND wide.entered_at >= {start} AND wide.entered_at < {end}
    GROUP BY user_id, conversation_id
),
chains AS
(
    SELECT
        sold.user_id AS user_id,
        sold.conversation_id AS conversation_id,
        sold.* EXCEPT (user_id, conversation_id, customer_id),
        sold.entered_at AS at,
        sold.sales - sold.refunds - ifNull(late_refunds.amount, 0) AS amount,
        arrayConcat(
            arrayMap(one -> one.3, arrayFilter(
                one -> one.2 != sold.conversation_id AND one.1 <= sold.entered_at
                    AND one.1 >= sold.entered_at - toIntervalDay(sold.window_days),
                touches.touches)),
            if(sold.data_used, [sold.own], [])
        ) AS chain,
        multiIf(
            sold.rule = 'linear', chain,
            sold.rule = 'first_touch', arraySlice(chain, 1, 1),
            arraySlice(chain, -1, 1)
        ) AS chosen,
        arrayFlatten(arrayMap(one -> arrayMap(
            name -> (name, length(chosen) * greatest(1, length(one))),
            if(empty(one), ['{unnamed}'], one)), chosen)) AS parts
    FROM sold
    LEFT JOIN touches ON sold.user_id = touches.user_id AND sold.customer_id = touches.customer_id
    LEFT JOIN late_refunds
        ON sold.user_id = late_refunds.user_id AND sold.conversation_id = late_refunds.conversation_id
)
"""


_LONGEST_WINDOW: Final = """(
    SELECT greatest({default}, max(toUInt16OrZero(value)))
    FROM tenant_settings
    WHERE {tenant} AND setting = 'attribution_window_days'
)"""


# Amounts of several tenants are not added up, so nothing is worked out for them.
_IF_SEVERAL: Final = "(SELECT uniqExact(user_id) > 1 FROM {counts}) AS several, "


def _chains(asked: Asked, *, of_one: bool = False) -> str:
    """Return common table expressions up to ``chains``: sales with the touches that share them.

    With ``of_one``, also ``several``: whether several tenants had conversations; then there are no chains.
    """
    dialect = asked.dialect
    tenant = dialect.tenant("user_id")
    default = SETTINGS["attribution_window_days"].default
    longest = _LONGEST_WINDOW.format(default=default, tenant=tenant)
    over = Over(
        dialect,
        f"({dialect.start} - toIntervalDay({longest}))",
        f"({dialect.end} + INTERVAL {REFUND_DAYS} DAY)",
        narrowed=False,
        unless="several" if of_one else "false",
    )
    everything = counts(replace(asked, by=(), every=None, used="conversations"))
    return _INFLUENCED.format(
        several=_IF_SEVERAL.format(counts=everything) if of_one else "",
        wide=conversations_of(asked, over, "wide"),
        facts=conversations.facts(replace(asked, dialect=over)),
        tenant=tenant,
        start=dialect.start,
        end=dialect.end,
        refund_days=REFUND_DAYS,
        rule=SETTINGS["attribution_rule"].default,
        window=default,
        unnamed=UNNAMED,
    )


_SEVERAL: Final = "amounts of several tenants are not added up: ask for one tenant, or split by tenant"


def influenced(asked: Asked) -> str:
    """Return the statement of the figure ``influenced_revenue``; by provider it is shared out, by all else whole."""
    by_provider = "provider" in asked.by or "provider" in asked.filters
    narrowed = [name for name in asked.filters if name != "provider"]
    kept = " AND ".join(["notEmpty(chain)", *(_predicate(asked, name) for name in narrowed)])
    columns = "".join(f"{name}, " for name in asked.columns)
    without = replace(asked, by=tuple(name for name in asked.by if name != "provider"))
    split = without.split({name: DIMENSIONS[name] for name in without.by})
    share, parts = "toDecimal128(amount, 6)", ""
    if by_provider:
        share, parts = f"{share} / part.2", "ARRAY JOIN parts AS part"
        if "provider" in asked.by:
            split += "part.1 AS provider, "
        if "provider" in asked.filters:
            kept += f" AND {asked.dialect.one_of('provider', 'part.1')}"
    of_one = not {"tenant"} & {*asked.by, *asked.dialect.parameters}  # else there cannot be several
    return f"""{_chains(asked, of_one=of_one)}
SELECT {columns}
    if(uniqExact(user_id) > 1, NULL, toDecimal128(round(sum(share), 2), 2)) AS value,
    uniqExact(user_id, conversation_id) AS n,
    NULL AS low,
    NULL AS high,
    if(uniqExact(user_id) > 1, '{_SEVERAL}', '') AS note
FROM (SELECT {split}user_id, conversation_id, {share} AS share FROM chains {parts} WHERE {kept})
{asked.grouping}
{_of_several(asked) if of_one else ""}
"""


def _of_several(asked: Asked) -> str:
    """Return what takes the place of the amounts of several tenants: conversations, and why there is no value."""
    counted = counts(replace(asked, used="conversations"))
    return f"""HAVING NOT several
UNION ALL
SELECT {asked.split(DIMENSIONS)} NULL, toUInt64(sum(conversations)), NULL, NULL, '{_SEVERAL}'
FROM {counted}
{asked.grouping}
HAVING several AND sum(conversations) > 0
"""


def _predicate(asked: Asked, name: str) -> str:
    return asked.dialect.one_of(name, DIMENSIONS[name].column)


def shared_out(asked: Asked) -> str:
    """Return revenue by integration: what it influenced, in how many sales, by which rule; one row is the rest."""
    return f"""{_chains(asked)}
SELECT
    user_id,
    if(empty(parts), '', part.1) AS provider,
    if(empty(parts), 'not influenced', rule) AS rule,
    uniqExact(conversation_id) AS sales,
    toDecimal128(round(sum(toDecimal128(amount, 6) / if(empty(parts), 1, part.2)), 2), 2) AS revenue
FROM chains LEFT ARRAY JOIN parts AS part
GROUP BY user_id, provider, rule
ORDER BY user_id, revenue DESC, provider, rule
"""


def earnings(asked: Asked) -> str:
    """Return what conversations earned, with and without data, one row per tenant, stage and channel."""
    return f"""WITH {conversations_of(asked)}
SELECT user_id, stage, channel, data_used, count() AS conversations,
    toFloat64(sum(net_value)) AS earned, sum(toFloat64(net_value) * toFloat64(net_value)) AS earned_squares
FROM conversations
GROUP BY user_id, stage, channel, data_used
ORDER BY user_id, stage, channel, data_used
"""


def incremental(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, per tenant, what data added: per conversation and over all that used it, with 95 % bounds.

    The comparison is within stage and channel. Conversations earn in lumps, so the bounds are wide for short ranges.
    """
    tenants: dict[str, dict[tuple[str, str], dict[bool, Arm]]] = {}
    for row in rows:
        cells = tenants.setdefault(str(row["user_id"]), {})
        arm = Arm(int(row["conversations"]), float(row["earned"]), float(row["earned_squares"]))
        cells.setdefault((row["stage"], row["channel"]), {})[bool(row["data_used"])] = arm
    nobody, made = Arm(0, 0.0, 0.0), []
    for tenant, cells in tenants.items():
        each = difference(Stratum(cell.get(True, nobody), cell.get(False, nobody)) for cell in cells.values())
        total = scaled(each, each.treated)
        made.append(
            {
                "user_id": tenant,
                "with_data": each.treated,
                "without_data": each.control,
                "per_conversation": each.value,
                "lower": each.lower,
                "upper": each.upper,
                "incremental_revenue": total.value,
                "incremental_lower": total.lower,
                "incremental_upper": total.upper,
                "note": each.note,
            }
        )
    return made
