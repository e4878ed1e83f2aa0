"""What conversations saved and what the system cost, per tenant and day, at the prices in force on that day.

Prices come from ``tenant_settings``: for each day (UTC) the newest entry that holds from that day or an earlier one. A
conversation counts for the day it came in. Monthly costs are spread evenly over the seconds of their month.
"""

from __future__ import annotations

from typing import Final

from kpis.asked import Asked
from kpis.sources import conversations
from kpis.statistics import ENOUGH

# What each price is called in the settings; a figure names those that it lacks.
GROSS_NEEDS: Final = ("cost_per_human_contact",)
NET_NEEDS: Final = (
    "cost_per_human_contact",
    "loaded_rate_per_hour",
    "handle_minutes_saved",
    "platform_cost_per_month",
    "integration_cost_per_month",
    "upkeep_cost_per_month",
)

_MEASURED: Final = """measured AS
(
    -- How much sooner a person is done with data than without, where enough of both were handed over and resolved.
    SELECT
        user_id,
        if(least(countIf(data_used), countIf(NOT data_used)) >= {enough},
            toDecimal128OrNull(toString(round(
                avgIf(resolution_minutes, NOT data_used) - avgIf(resolution_minutes, data_used), 2)), 2),
            NULL) AS minutes
    FROM known
    WHERE handed_over AND resolution_minutes IS NOT NULL
    GROUP BY user_id
),
"""
_NOT_MEASURED: Final = (
    "measured AS (SELECT user_id, toDecimal128OrNull('', 2) AS minutes FROM tenant_settings WHERE false),"
)

_PRICES: Final = """
known AS (SELECT * FROM {facts} AS facts),
{measured}calendar AS
(
    SELECT
        user_id,
        toDate({start}) + arrayJoin(range(toUInt32(dateDiff('day', toDate({start}), toDate({end} - 1)) + 1))) AS day,
        dateDiff('second', greatest(toDateTime(day, 'UTC'), {start}), least(toDateTime(day + 1, 'UTC'), {end}))
            AS seconds,
        86400 * toDayOfMonth(toLastDayOfMonth(day)) AS month_seconds
    FROM (SELECT DISTINCT user_id FROM tenant_settings WHERE {tenant})
    WHERE {end} > {start}
),
entries AS
(
    SELECT
        calendar.user_id AS user_id,
        calendar.day AS day,
        any(calendar.seconds) AS seconds,
        any(calendar.month_seconds) AS month_seconds,
        settings.setting AS setting,
        argMaxIf(settings.value, settings.effective_from, settings.effective_from <= calendar.day) AS entered,
        toDecimal128OrNull(entered, 2) AS amount
    FROM calendar
    LEFT JOIN
    (
        SELECT user_id, setting, effective_from, value FROM tenant_settings FINAL WHERE {tenant}
    ) AS settings USING (user_id)
    GROUP BY user_id, day, setting
),
prices AS
(
    SELECT
        user_id,
        day,
        maxIf(amount, setting = 'cost_per_human_contact') AS contact,
        maxIf(amount, setting = 'loaded_rate_per_hour') AS rate,
        coalesce(maxIf(amount, setting = 'handle_minutes_saved'), any(measured.minutes)) AS minutes,
        maxIf(amount, setting = 'platform_cost_per_month') AS platform,
        maxIf(amount, setting = 'upkeep_cost_per_month') AS upkeep,
        sumIf(amount, setting = 'integration_cost_per_month' OR startsWith(setting, 'integration_cost_per_month:'))
            AS integrations,
        toDecimal128(platform + upkeep + integrations, 8) * any(seconds) / any(month_seconds) AS cost,
        arrayFilter(one -> one != '', [
            if(contact IS NULL, 'cost_per_human_contact', ''),
            if(rate IS NULL, 'loaded_rate_per_hour', ''),
            if(minutes IS NULL, 'handle_minutes_saved', ''),
            if(platform IS NULL, 'platform_cost_per_month', ''),
            if(integrations IS NULL, 'integration_cost_per_month', ''),
            if(upkeep IS NULL, 'upkeep_cost_per_month', '')
        ]) AS missing
    FROM entries LEFT JOIN measured USING (user_id)
    GROUP BY user_id, day
)
"""


def _prices(asked: Asked, *, net: bool) -> str:
    """Return common table expressions up to ``prices``: a row per tenant that set anything and day; NULL: not set."""
    return _PRICES.format(
        measured=_MEASURED.format(enough=ENOUGH) if net else _NOT_MEASURED,
        facts=conversations.facts(asked),
        start=asked.dialect.start,
        end=asked.dialect.end,
        tenant=asked.dialect.tenant("user_id"),
    )


def ledger(asked: Asked, *, net: bool) -> str:
    """Return common table expressions up to ``ledger``, with the question's columns and amounts that can be added up.

    Parameters
    ----------
    net
        Whether costs and handle time are asked for; only for questions split by tenant and time at most.
    """
    by_day = set(asked.by) <= {"tenant"}
    days = f"UNION ALL SELECT {_day_columns(asked)} {_DAY} FROM prices" if by_day else ""
    split = asked.split(conversations.DIMENSIONS)
    grouping = ", ".join(["user_id", "day", *asked.columns])
    own = "".join(f"counted.{name} AS {name}, " for name in asked.columns)
    return f"""
{_prices(asked, net=net)},
counted AS
(
    SELECT {split} user_id, toDate(entered_at) AS day, count() AS conversations, countIf(k.durable) AS durable,
        countIf(k.durable AND k.confirmed) AS confirmed, countIf(k.handed_over AND k.data_used) AS handled
    FROM known AS k
    GROUP BY {grouping}
),
ledger AS
(
    SELECT {own} {_COUNTED}
    FROM counted LEFT JOIN prices USING (user_id, day)
    {days}
)
"""


_ALL: Final = str(list(NET_NEEDS))
# A tenant that never set anything has no prices at all.
_COUNTED: Final = f"""user_id, conversations, durable, confirmed, handled, contact,
        if(contact IS NULL AND empty(missing), {_ALL}, missing) AS missing,
        durable * contact AS gross, confirmed * contact AS gross_confirmed, conversations * contact AS at_most,
        handled * minutes * rate AS minutes_money, toDecimal128(0, 8) AS cost"""
_DAY: Final = """user_id, 0 AS conversations, 0 AS durable, 0 AS confirmed, 0 AS handled, contact, missing,
        toDecimal128(0, 2) AS gross, toDecimal128(0, 2) AS gross_confirmed, toDecimal128(0, 2) AS at_most,
        toDecimal128(0, 6) AS minutes_money, cost"""


def _day_columns(asked: Asked) -> str:
    # A day counts at its noon: on the day that most time zones agree on.
    at = {"tenant": "user_id AS tenant, "}
    noon = "toDateTime(day, 'UTC') + INTERVAL 12 HOUR"
    time = f"{asked.bucket(noon)} AS time, " if asked.every else ""
    return "".join(at[name] for name in asked.by) + time
