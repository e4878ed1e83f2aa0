"""Savings and costs per tenant and day, at the prices in force on that day.

Prices come from ``tenant_settings``: for each day (UTC) the newest entry valid from that day or earlier. A
conversation counts for the day it came in. Monthly costs are spread evenly over the seconds of their month.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kpis.sources.conversation_counts import counts
from kpis.sources.conversations import DIMENSIONS
from kpis.sql.query_context import QueryContext
from kpis.statistics import ENOUGH

# Price → its name in the settings; a figure names the missing ones.
GROSS_NEEDS: Final = ("cost_per_human_contact",)
NET_NEEDS: Final = (
    "cost_per_human_contact",
    "loaded_rate_per_hour",
    "handle_minutes_saved",
    "platform_cost_per_month",
    "integration_cost_per_month",
    "upkeep_cost_per_month",
)

_CALENDAR: Final = """
    SELECT
        user_id, {earlier}
        toDate({start}) + arrayJoin(range(toUInt32(dateDiff('day', toDate({start}), toDate({end} - 1)) + 1))) AS day,
        dateDiff('second', greatest(toDateTime(day, 'UTC'), {start}), least(toDateTime(day + 1, 'UTC'), {end}))
            AS seconds,
        86400 * toDayOfMonth(toLastDayOfMonth(day)) AS month_seconds
    FROM (SELECT DISTINCT user_id FROM tenant_settings WHERE {tenant})
    WHERE {end} > {start}"""
_PRICES: Final = """
calendar AS ({calendar}
),
entries AS
(
    SELECT
        calendar.user_id AS user_id, {calendar_earlier}
        calendar.day AS day,
        any(calendar.seconds) AS seconds,
        any(calendar.month_seconds) AS month_seconds,
        settings.setting AS setting,
        argMaxIf(settings.value, settings.effective_from, settings.effective_from <= calendar.day) AS entered,
        toDecimal128OrNull(entered, 4) AS amount
    FROM calendar
    LEFT JOIN
    (
        SELECT user_id, setting, effective_from, value FROM tenant_settings FINAL WHERE {tenant}
    ) AS settings USING (user_id)
    GROUP BY user_id, {earlier} day, setting
),
prices AS
(
    SELECT
        user_id, {earlier}
        day,
        maxIf(amount, setting = 'cost_per_human_contact') AS contact,
        maxIf(amount, setting = 'loaded_rate_per_hour') AS rate,
        maxIf(amount, setting = 'handle_minutes_saved') AS minutes,
        maxIf(amount, setting = 'platform_cost_per_month') AS platform,
        maxIf(amount, setting = 'upkeep_cost_per_month') AS upkeep,
        sumIf(amount, setting = 'integration_cost_per_month' OR startsWith(setting, 'integration_cost_per_month:'))
            AS integrations,
        toDecimal128(platform + upkeep + integrations, 8) * any(seconds) / any(month_seconds) AS cost,
        arrayFilter(one -> one != '', [
            if(contact IS NULL, 'cost_per_human_contact', ''),
            if(rate IS NULL, 'loaded_rate_per_hour', ''),
            if(platform IS NULL, 'platform_cost_per_month', ''),
            if(integrations IS NULL, 'integration_cost_per_month', ''),
            if(upkeep IS NULL, 'upkeep_cost_per_month', '')
        ]) AS missing
    FROM entries
    GROUP BY user_id, {earlier} day
)
"""


# Handle time that data saves, where enough conversations of both kinds were handed over and resolved.
_MEASURED: Final = """if(
            least(sum(with_n) OVER mine, sum(without_n) OVER mine) >= {enough},
            toDecimal128OrNull(toString(round(sum(without_sum) OVER mine / sum(without_n) OVER mine
                - sum(with_sum) OVER mine / sum(with_n) OVER mine, 2)), 4),
            NULL)"""
_LEDGER: Final = """
{prices},
counted AS
(
    SELECT {split} user_id, toDate(at) AS day, sum(c.conversations) AS conversations,
        sum(c.durable_count) AS durable, {people}
    FROM {counts} AS c
    GROUP BY {grouping}
),
dated AS
(
    SELECT *, false AS of_day FROM counted
    {days}
),
priced AS
(
    -- A tenant that never set anything has no prices at all; what a day cost is on the day's own row.
    SELECT {own} dated.user_id AS user_id, conversations, durable, handled, with_n, without_n, with_sum, without_sum,
        contact, rate, minutes, if(contact IS NULL AND empty(missing), {all}, missing) AS missing,
        if(of_day, prices.cost, 0) AS cost
    FROM dated LEFT JOIN prices
        ON dated.user_id = prices.user_id AND dated.day = prices.day {joined}
),
ledger AS
(
    SELECT *, durable * contact AS gross, conversations * contact AS at_most,
        coalesce(minutes, {measured}) AS saved, handled * saved * rate AS minutes_money,
        arrayConcat(missing, if(saved IS NULL, ['handle_minutes_saved'], [])) AS lacking
    FROM priced
    WINDOW mine AS (PARTITION BY user_id {parted})
)
"""
_PEOPLE: Final = """sumIf(c.handed_over_count, c.data_used) AS handled,
        sumIf(c.handed_minutes_count, c.data_used) AS with_n,
        sumIf(c.handed_minutes_count, NOT c.data_used) AS without_n,
        toFloat64(sumIf(c.handed_minutes_sum, c.data_used)) AS with_sum,
        toFloat64(sumIf(c.handed_minutes_sum, NOT c.data_used)) AS without_sum"""
_NO_PEOPLE: Final = "0 AS handled, 0 AS with_n, 0 AS without_n, 0. AS with_sum, 0. AS without_sum"
_READS: Final = frozenset({"conversations", "durable_count"})
_READS_OF_PEOPLE: Final = frozenset({"handed_over_count", "handed_minutes_count", "handed_minutes_sum", "data_used"})
_DAYS: Final = """UNION ALL
    SELECT {columns} user_id, day, 0 AS conversations, 0 AS durable, 0 AS handled, 0 AS with_n, 0 AS without_n,
        0 AS with_sum, 0 AS without_sum, true AS of_day
    FROM calendar"""


def prices(asked: QueryContext) -> str:
    """Return common table expressions up to ``prices``: one row per day and tenant with settings; NULL: not set."""
    start, end, tenant = asked.dialect.start, asked.dialect.end, asked.dialect.tenant("user_id")
    if not asked.cut:
        calendar = _CALENDAR.format(start=start, end=end, tenant=tenant, earlier="")
        return _PRICES.format(calendar=calendar, tenant=tenant, earlier="", calendar_earlier="")
    # The day of the cut is there twice, a part of it on either side.
    before = _CALENDAR.format(start=start, end=asked.cut, tenant=tenant, earlier="true AS earlier,")
    after = _CALENDAR.format(start=asked.cut, end=end, tenant=tenant, earlier="false AS earlier,")
    return _PRICES.format(
        calendar=f"{before}\n    UNION ALL {after}",
        tenant=tenant,
        earlier="earlier,",
        calendar_earlier="calendar.earlier AS earlier,",
    )


def ledger(asked: QueryContext, *, people: bool = True) -> str:
    """Return common table expressions up to ``ledger``: the columns of the split and additive amounts.

    Costs are included only where the split is by tenant and time: they apply to the tenant as a whole. Without
    ``people`` the minutes saved are left out, which plans faster.
    """
    return _LEDGER.format(
        prices=prices(asked),
        split=asked.split(DIMENSIONS),
        counts=counts(replace(asked, reads=_READS | _READS_OF_PEOPLE if people else _READS)),
        people=_PEOPLE if people else _NO_PEOPLE,
        grouping=", ".join(["user_id", "day", *asked.columns]),
        own="".join(f"dated.{name} AS {name}, " for name in asked.columns),
        all=list(NET_NEEDS),
        joined="AND dated.earlier = prices.earlier" if asked.cut else "",
        parted=", earlier" if asked.cut else "",
        days=_DAYS.format(columns=_day_columns(asked)) if set(asked.by) <= {"tenant"} else "",
        measured=_MEASURED.format(enough=ENOUGH) if people else "NULL",
    )


def _day_columns(asked: QueryContext) -> str:
    # A day counts at its noon, which most time zones assign to the same day.
    at = {"tenant": "user_id AS tenant, "}
    noon = "toDateTime(day, 'UTC') + INTERVAL 12 HOUR"
    time = f"{asked.bucket(noon)} AS time, " if asked.every else ""
    return "".join(at[name] for name in asked.by) + ("earlier, " if asked.cut else "") + time
