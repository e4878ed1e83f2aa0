"""Revenue attribution: sales influenced by integration data, divided among touches by the tenant's rule.

A *touch* is a conversation in which integration data was used. A sale is *influenced* if its own conversation is a
touch, or if the same customer had one within the tenant's window (``attribution_window_days``) before the
conversation came in. The rule (``attribution_rule``) says which touches share the amount: the last, the first, or all
of them equally (linear); a touch is divided equally among its integrations. Amounts are sales less refunds
(``kpis.analyses.sales``). Window and rule are those in force on the day the conversation came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis import currency
from kpis.analyses.sales import CONVERSATION, CUSTOMER, MATTERS, sales_of
from kpis.rollups.conversation_fold import folded
from kpis.settings_model import SETTINGS
from kpis.sources.conversation_counts import counts
from kpis.sources.conversations import DIMENSIONS
from kpis.sql.query_context import QueryContext
from kpis.statistics import Arm, Stratum, difference, scaled

UNNAMED: Final = "unnamed"
"""The label of a touch that used data without naming an integration."""

# Parts of an amount keep eight decimals, so that they add up to the whole within the four that amounts have.
_CHAINS: Final = """
WITH rules AS
(
    SELECT
        user_id,
        arraySort(groupArrayIf((effective_from, value), setting = 'attribution_rule')) AS rules,
        arraySort(groupArrayIf((effective_from, value), setting = 'attribution_window_days')) AS windows
    FROM tenant_settings FINAL
    WHERE {tenant} AND setting IN ('attribution_window_days', 'attribution_rule')
    GROUP BY user_id
),
chains AS
(
    SELECT
        sale.user_id AS user_id,
        sale.conversation_id AS conversation_id,
        sale.entered_at AS at,
        sale.channel AS channel,
        sale.country AS country,
        sale.customer_segment AS customer_segment,
        sale.sales - sale.refunds AS amount,
        -- The settings of each sale's day; entries that begin later do not count.
        arrayLast(one -> one.1 <= toDate(sale.entered_at), rules.rules).2 AS set_rule,
        arrayLast(one -> one.1 <= toDate(sale.entered_at), rules.windows).2 AS set_window,
        if(set_rule = '', '{rule}', set_rule) AS rule,
        toUInt16(if(set_window = '', '{window}', set_window)) AS window_days,
        arrayMap(one -> one.2, arrayFilter(
            one -> one.1 >= sale.entered_at - toIntervalDay(window_days), sale.touches)) AS chain,
        multiIf(
            rule = 'linear', chain,
            rule = 'first_touch', arraySlice(chain, 1, 1),
            arraySlice(chain, -1, 1)
        ) AS chosen,
        arrayFlatten(arrayMap(one -> arrayMap(
            name -> (name, length(chosen) * greatest(1, length(one))),
            if(empty(one), ['{unnamed}'], one)), chosen)) AS parts
    FROM (SELECT * FROM {sales} WHERE {tenant} AND {range}) AS sale
    LEFT JOIN rules ON sale.user_id = rules.user_id
)
"""


def _chains(asked: QueryContext) -> str:
    """Return common table expressions up to ``chains``: sales with their touches."""
    tenant = asked.dialect.tenant("user_id")
    if asked.rolled_up:
        sales = "conversation_sales FINAL"
    else:
        rows = f"SELECT {CONVERSATION} FROM (SELECT *, {CUSTOMER} AS customer FROM {folded(tenant)}) WHERE {MATTERS}"
        sales = sales_of(f"({rows})")
    return _CHAINS.format(
        sales=sales,
        tenant=tenant,
        range=asked.between("entered_at"),
        rule=SETTINGS["attribution_rule"].default,
        window=SETTINGS["attribution_window_days"].default,
        unnamed=UNNAMED,
    )


def influenced(asked: QueryContext) -> str:
    """Return the statement of the figure ``influenced_revenue``; divided when split by provider, whole otherwise."""
    by_provider = "provider" in asked.by or "provider" in asked.filters
    narrowed = [name for name in asked.filters if name != "provider"]
    kept = " AND ".join(["notEmpty(chain)", *(_predicate(asked, name) for name in narrowed)])
    columns = "".join(f"{name}, " for name in asked.columns)
    without = replace(asked, by=tuple(name for name in asked.by if name != "provider"))
    split = without.split({name: DIMENSIONS[name] for name in without.by})
    share, parts = "toDecimal128(amount, 8)", ""
    if by_provider:
        share, parts = f"{share} / part.2", "ARRAY JOIN parts AS part"
        if "provider" in asked.by:
            split += "part.1 AS provider, "
        if "provider" in asked.filters:
            kept += f" AND {asked.dialect.one_of('provider', 'part.1')}"
    several = currency.do_not_add_up("uniqExact(s.user_id)", "c.currency")
    return f"""{_chains(asked)}
SELECT {columns}
    if({several}, NULL, toDecimal128(round(sum(share), 4), 4)) AS value,
    uniqExact(s.user_id, conversation_id) AS n,
    NULL AS low,
    NULL AS high,
    if({several}, '{currency.SEVERAL}', '') AS note
FROM (SELECT {split}user_id, conversation_id, {share} AS share FROM chains {parts} WHERE {kept}) AS s
LEFT JOIN {currency.of_tenants(asked.dialect)} AS c ON s.user_id = c.user_id
{asked.grouping}
"""


def _predicate(asked: QueryContext, name: str) -> str:
    return asked.dialect.one_of(name, DIMENSIONS[name].column)


def shared_out(asked: QueryContext) -> str:
    """Return revenue by integration: influenced revenue, number of sales, rule; one row holds the rest."""
    return f"""{_chains(asked)}
SELECT
    user_id,
    if(empty(parts), '', part.1) AS provider,
    if(empty(parts), 'not influenced', rule) AS rule,
    uniqExact(conversation_id) AS sales,
    toDecimal128(round(sum(toDecimal128(amount, 8) / if(empty(parts), 1, part.2)), 4), 4) AS revenue
FROM chains LEFT ARRAY JOIN parts AS part
GROUP BY user_id, provider, rule
ORDER BY user_id, revenue DESC, provider, rule
"""


def earnings(asked: QueryContext) -> str:
    """Return the revenue of conversations with and without data, one row per tenant, stage and channel."""
    by, reads = ("stage", "channel", "data_used"), frozenset({"conversations", "value_sum", "value_squares"})
    return f"""SELECT user_id, stage, channel, data_used, toUInt64(sum(c.conversations)) AS conversations,
    toFloat64(sum(value_sum)) AS earned, toFloat64(sum(value_squares)) AS earned_squares
FROM {counts(replace(asked, by=by, reads=reads))} AS c
GROUP BY user_id, stage, channel, data_used
ORDER BY user_id, stage, channel, data_used
"""


def incremental(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, per tenant, the revenue that data added, per conversation and in total, with 95 % bounds.

    The comparison is within stage and channel. Revenue per conversation varies strongly, so bounds are wide for short
    ranges.
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
