"""Queries: days, hours and minutes, the coarsest for each part of the range; events where the split needs them."""

from __future__ import annotations

from typing import Final

from kpis.dimension import Dimension
from kpis.kpi import Source
from kpis.rollups import freshness
from kpis.scope import Interval
from kpis.sql.predicates import TRUE, all_of
from kpis.sql.query_context import QueryContext
from models.measures import QUERY_MEASURES, WINDOW_SUMS, count_of, sum_of

DIMENSIONS: Final = {
    "tenant": Dimension("user_id"),
    "provider": Dimension("integration_provider"),
    "query_type": Dimension("query_type"),
    "channel": Dimension("channel"),
    "country": Dimension("country"),
    "segment": Dimension("customer_segment"),
    "data_type": Dimension("data_type"),
    "error_kind": Dimension("error_kind", result=True),
}
# Dimensions of windows and roll-ups; the others are read from the events.
_IN_WINDOWS: Final = frozenset({"tenant", "provider", "query_type"})
# A window's sums of a single event. The bucket is that of models/histogram.py.
_EVENT_SUMS: Final = {
    "queries": "toUInt64(1)",
    "successes": "toUInt64(query_success)",
    "response_time_ms_sum": "toUInt64(response_time_ms)",
    **{sum_of(name): f"ifNull({name}, 0)" for name in QUERY_MEASURES},
    **{count_of(name): f"toUInt64(isNotNull({name}))" for name in QUERY_MEASURES},
}
_EVENT_HISTOGRAM: Final = (
    "([if(response_time_ms = 0, toInt16(-1), toInt16(ceil(log(response_time_ms) / log(1.01) - 1e-9)))], "
    "[toUInt64(1)]) AS response_time_histogram"
)
# Windows since this time are also stored in time order (sinks/schema/0008); the copy holds a day more.
_RECENT: Final = "toStartOfHour(now('UTC')) - INTERVAL 2 DAY"


def windows(columns: str, where: str) -> str:
    """Return a SELECT of columns of deduplicated windows; recent ones come from a table in time order.

    PREWHERE, here and below: histograms are read only where the key matches. With FINAL that is right because every
    predicate is on columns of the sorting key, which all versions of a row share.
    """
    recent, earlier = (all_of(where, f"window_start {side} {_RECENT}") for side in (">=", "<"))
    return (
        f"SELECT {columns} FROM recent_query_windows FINAL PREWHERE {recent} UNION ALL "
        f"SELECT {columns} FROM query_windows FINAL PREWHERE {earlier}"
    )


def _sums(asked: QueryContext) -> str:
    """Return rows with the sums that are read."""
    names = [name for name in WINDOW_SUMS if name in asked.reads]
    return f"({_rows(asked, ', '.join(names), ', '.join(f'{_EVENT_SUMS[name]} AS {name}' for name in names))})"


def _buckets(asked: QueryContext) -> str:
    """Return response times counted by bucket: grouping them is four times faster than merging whole histograms."""
    columns = [DIMENSIONS[name].column for name in asked.by]
    at = [f"{_step(asked)} AS at"] if asked.every or asked.cut else []
    keys = ", ".join(dict.fromkeys([*columns, *(["at"] if at else []), "bucket"]))
    return (
        f"(SELECT {', '.join([*columns, *at, 'bucket'])}, sum(in_bucket) AS counted "
        f"FROM ({_rows(asked, 'response_time_histogram', _EVENT_HISTOGRAM)}) "
        f"ARRAY JOIN response_time_histogram.1 AS bucket, response_time_histogram.2 AS in_bucket GROUP BY {keys})"
    )


def _step(asked: QueryContext) -> str:
    """Return the start of the step that a moment lies in; where a cut is within it, its later part begins there."""
    step = asked.bucket("at") if asked.every else "toDateTime(0, 'UTC')"
    return f"if(at < {asked.cut}, {step}, greatest({step}, {asked.cut}))" if asked.cut else step


def _rows(asked: QueryContext, columns: str, event_columns: str) -> str:
    """Return windows and their roll-ups; events where a split or a filter needs other dimensions."""
    finer = [name for name in asked.filters if name not in _IN_WINDOWS]
    # A panel's variable is present even when it does not filter: the choice is made at query time.
    events_alone = not set(asked.by) <= _IN_WINDOWS or "false" in map(asked.dialect.unnarrowed, finer)
    if events_alone:
        return _events(asked, event_columns)
    coarse = all_of(*map(asked.dialect.unnarrowed, finer))
    where = all_of(asked.where(DIMENSIONS, but=finer), coarse)
    hours_fit = asked.every is None or (asked.every is not Interval.MINUTE and asked.dialect.hours_fit)
    if asked.rolled_up and hours_fit:
        rows = _rolled_up(asked, columns, where)
    else:
        rows = windows(_labelled(asked, "window_start", columns), all_of(where, asked.between("window_start")))
    return f"{rows} UNION ALL SELECT * FROM ({_events(asked, event_columns)}) WHERE NOT ({coarse})" if finer else rows


def _labelled(asked: QueryContext, time: str, columns: str) -> str:
    """Return a SELECT list: the columns of the split, their time as ``at`` where it is asked for, and ``columns``."""
    at = [f"{time} AS at"] if asked.every or asked.cut else []
    return ", ".join([*dict.fromkeys(DIMENSIONS[name].column for name in asked.by), *at, columns])


def _events(asked: QueryContext, columns: str) -> str:
    return (
        f"SELECT {_labelled(asked, 'created_at', columns)} FROM integration_query_metrics FINAL "
        f"WHERE {all_of(asked.where(DIMENSIONS), asked.between('created_at'))}"
    )


def _rolled_up(asked: QueryContext, columns: str, where: str) -> str:
    """Return whole days (where steps are none or days), whole hours besides them, and windows for the rest."""
    tenant, start, end = asked.dialect.tenant("user_id"), asked.dialect.start, asked.dialect.end
    first_hour, last_hour = f"toStartOfHour({start} + 3599)", f"toStartOfHour({end})"
    first_day, last_day = f"toStartOfDay({start} + 86399)", f"toStartOfDay({end})"
    with_days = asked.every is None or (asked.every is not Interval.HOUR and asked.dialect.days_fit)
    day_apart, hour_apart, of_day, is_apart = _cut(asked)
    where = "" if where == TRUE else f"{where} AND "
    hours_are_stale = f"stale_hours AS {freshness.query_hours(tenant, 'query_hours')}"
    days_are_stale = f"stale_days AS {freshness.query_days(tenant, 'query_days')}"
    not_in_days = (
        f" AND (hour_start < {first_day} OR hour_start >= {last_day}{of_day} "
        f"OR (user_id, toDateTime(toDate(hour_start), 'UTC')) IN stale_days)"
    )
    days = (
        f"SELECT {_labelled(asked, 'day_start', columns)} FROM query_days FINAL PREWHERE {where}"
        f"day_start >= {first_day} AND day_start < {last_day}{day_apart} AND (user_id, day_start) NOT IN stale_days"
    )
    hours = (
        f"SELECT {_labelled(asked, 'hour_start', columns)} FROM query_hours FINAL PREWHERE {where}"
        f"hour_start >= {first_hour} AND hour_start < {last_hour}{not_in_days if with_days else ''} "
        f"AND (user_id, hour_start) NOT IN stale_hours{hour_apart}"
    )
    of_windows = _labelled(asked, "window_start", columns)
    # Separate, because the index does not support an OR of both.
    ends = windows(
        of_windows,
        f"{where}{asked.between('window_start')} "
        f"AND (window_start < {first_hour} OR window_start >= {last_hour}{is_apart})",
    )
    behind = windows(
        of_windows,
        f"{where}window_start >= {first_hour} AND window_start < {last_hour} "
        f"AND (user_id, toStartOfHour(window_start)) IN stale_hours"
        f"{hour_apart.replace('hour_start', 'toStartOfHour(window_start)')}",
    )
    minutes = [behind] if asked.dialect.ends_on_hours and not asked.cut else [ends, behind]
    stale = [days_are_stale, hours_are_stale] if with_days else [hours_are_stale]
    return f"WITH {', '.join(stale)} {' UNION ALL '.join([*([days] if with_days else []), hours, *minutes])}"


def _cut(asked: QueryContext) -> tuple[str, str, str, str]:
    """Return what leaves out the day and the hour that a cut is within, and what takes their hours and minutes."""
    if not asked.cut:
        return "", "", "", ""
    day, hour = f"toStartOfDay({asked.cut})", f"toStartOfHour({asked.cut})"
    return (
        f" AND (day_start != {day} OR {day} = {asked.cut})",
        f" AND (hour_start != {hour} OR {hour} = {asked.cut})",
        f" OR ({day} < {asked.cut} AND toStartOfDay(hour_start) = {day})",
        f" OR ({hour} < {asked.cut} AND window_start >= {hour} AND window_start < {hour} + INTERVAL 1 HOUR)",
    )


QUERIES: Final = Source(
    "queries",
    "one-minute windows of queries and the hours and days made of them; events for the finer dimensions",
    DIMENSIONS,
    _sums,
    parts_at_cut=True,
    columns=frozenset(WINDOW_SUMS),
)
RESPONSE_TIMES: Final = Source(
    "response times",
    "the latency histograms of the same rows",
    DIMENSIONS,
    _buckets,
    parts_at_cut=True,
    columns=frozenset({"bucket", "counted"}),
)
