"""The statements of an export: the number of rows of each part of the range, and then the rows slice by slice.

A single statement would sort the whole range. A slice has about 200,000 rows, so memory stays bounded on both sides;
the rows are in time order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from kpis.scope import Scope
from kpis.sql.dialect import Bound
from models.query import Query
from reports.export_request import K
from reports.export_tables import CUSTOMER, Exportable

_SLICE_ROWS: Final = 200_000
_MAX_BUCKETS: Final = 5_000
_IDS: Final = frozenset({"id", "event_id", "user_id", "conversation_id"})
_SETTINGS: Final = "SETTINGS do_not_merge_across_partitions_select_final = 1"


class Slice(NamedTuple):
    """A part ``[start, end)`` of the range, read by one statement."""

    start: datetime
    end: datetime
    rows: int


def counts(table: Exportable, scope: Scope, customers: bool) -> Query:
    """Return the query of row counts per bucket of the range: columns ``bucket`` (seconds) and ``rows``."""
    seconds = max(1, int((scope.end - scope.start).total_seconds()) // _MAX_BUCKETS)
    sql = (
        f"SELECT intDiv(toUnixTimestamp(t.{table.time}), {seconds}) * {seconds} AS bucket, count() AS rows "
        f"{_from(table, scope, customers)} GROUP BY bucket ORDER BY bucket {_SETTINGS}"
    )
    return Query(sql, _parameters(scope, scope.start, scope.end))


def slices(buckets: Sequence[tuple[int, int]], scope: Scope) -> Iterator[Slice]:
    """Yield slices that cover the whole range, each of about 200,000 rows.

    Parameters
    ----------
    buckets
        Start (seconds since 1970) and number of rows, ascending; empty buckets may be missing.
    """
    start, held = scope.start, 0
    for beginning, rows in buckets:
        moment = max(datetime.fromtimestamp(beginning, UTC), scope.start)
        if held and held + rows > _SLICE_ROWS:
            yield Slice(start, moment, held)
            start, held = moment, 0
        held += rows
    yield Slice(start, scope.end, held)


def rows(table: Exportable, scope: Scope, part: Slice, customers: bool) -> Query:
    """Return the query of the rows of a slice, in time order."""
    columns = [name for name in table.columns if customers or name != CUSTOMER]
    chosen = ", ".join(f"toString(t.{name}) AS {name}" if name in _IDS else f"t.{name} AS {name}" for name in columns)
    order = ", ".join(f"t.{name}" for name in dict.fromkeys((table.time, *columns[:2])))
    sql = f"SELECT {chosen} {_from(table, scope, customers)} ORDER BY {order} {_SETTINGS}"
    return Query(sql, _parameters(scope, part.start, part.end))


def small_groups(table: Exportable, scope: Scope) -> Query:
    """Return the query of the groups with at least one and fewer than ``K`` customers."""
    keys = ", ".join(f"toString(t.{name}) AS key_{name}" for name in table.group)
    sql = (
        f"SELECT {keys} {_from(table, scope, True)} AND t.{CUSTOMER} != '' "
        f"GROUP BY {', '.join(f'key_{name}' for name in table.group)} HAVING uniqExact(t.{CUSTOMER}) < {K} {_SETTINGS}"
    )
    return Query(sql, _parameters(scope, scope.start, scope.end))


def _from(table: Exportable, scope: Scope, customers: bool) -> str:
    final = "" if table.source.startswith("(") else " FINAL"
    conditions = [
        Bound(scope).tenant("t.user_id"),
        f"t.{table.time} >= {{first:DateTime64(3, 'UTC')}}",
        f"t.{table.time} < {{limit:DateTime64(3, 'UTC')}}",
    ]
    if scope.provider is not None:
        wanted = "{providers:Array(String)}"
        column = f"t.{table.provider}"
        conditions.append(f"hasAny({wanted}, {column})" if table.providers else f"has({wanted}, {column})")
    if table.small == "leave out" and not customers:
        conditions.append(f"t.{CUSTOMER} = ''")
    return f"FROM {table.source} AS t{final} WHERE {' AND '.join(conditions)}"


def _parameters(scope: Scope, start: datetime, end: datetime) -> dict[str, Any]:
    provider = scope.provider
    wanted = [provider] if isinstance(provider, str) else list(provider or ())
    bound = Bound(scope).parameters
    return {
        "first": _text(start),
        "limit": _text(end),
        **({"tenant": bound["tenant"]} if "tenant" in bound else {}),
        **({"providers": wanted} if wanted else {}),
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
