"""The context of a query for definitions: SQL for the range, the tenant, the filters and the split."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from kpis.dimension import Dimension
from kpis.scope import Interval
from kpis.sql.dialect import Dialect
from kpis.sql.predicates import all_of
from models.errors import InvalidRequest

_BUCKETS: Final = {
    Interval.MINUTE: "toStartOfMinute({at})",
    Interval.HOUR: "toStartOfHour({at}, {zone})",
    Interval.DAY: "toStartOfDay({at}, {zone})",
    Interval.WEEK: "toDateTime(toStartOfWeek({at}, 1, {zone}), {zone})",
}
# Where clocks change by half an hour, toStartOfHour counts hours from the change for the rest of that day. It is right
# for the hour that the change cuts, whose other part has another offset.
_LOCAL_HOUR: Final = "subtractMinutes(toStartOfMinute({at}), toMinute({at}, {zone}))"
_OFFSET: Final = "timeZoneOffset(toTimeZone({at}, {zone}))"


@dataclass(frozen=True)
class QueryContext:
    """One query: the dialect has its values, ``by`` and ``every`` define the split."""

    dialect: Dialect
    by: tuple[str, ...] = ()
    every: Interval | None = None
    rolled_up: bool = True
    """Whether roll-ups may be read; without them the result is the same, but slower."""
    bounds: bool = True
    """Whether bounds are computed; without them they are NULL and planning takes half as long."""
    total: bool = False
    """Whether a series includes the figure of the whole range, in a row whose time is 0."""
    cut: str = ""
    """A moment within the range, as SQL: the column ``earlier`` separates what lies before it, in the same pass."""
    reads: frozenset[str] = frozenset()
    """Columns of the source's rows that are read, where the source declares them (``Source.columns``)."""
    apart: bool = False
    """Whether parts have to make up the whole: a dimension of several values is split by the set of them."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Key columns of a row: the dimensions, ``earlier`` where there is a cut, ``time`` for a series."""
        return (*self.by, *(["earlier"] if self.cut else []), *(["time"] if self.every else []))

    def split(self, dimensions: Mapping[str, Dimension], at: str = "at") -> str:
        """Return the SELECT list of ``columns``, each with a trailing comma; ``at`` is the time a row counts for."""
        earlier = f"{at} < {self.cut} AS earlier, " if self.cut else ""
        time = f"{self.bucket(at)} AS time, " if self.every else ""
        return "".join(f"{self._part(dimensions[name], name)} AS {name}, " for name in self.by) + earlier + time

    @property
    def grouping(self) -> str:
        """``GROUP BY`` of the columns; nothing where there are none."""
        names = ", ".join(self.columns)
        if self.total:
            return f"GROUP BY GROUPING SETS (({names}), ({', '.join(self.columns[:-1])}))"
        return f"GROUP BY {names}" if names else ""

    def bucket(self, at: str) -> str:
        """Return the start of the series step of a time (a DateTime in UTC)."""
        if self.every is None:
            raise ValueError("not a time series")
        zone = self.dialect.time_zone
        start = _BUCKETS[self.every].format(at=at, zone=zone)
        if self.every is Interval.HOUR and not self.dialect.hours_fit:
            hour = _LOCAL_HOUR.format(at=at, zone=zone)
            same = f"{_OFFSET.format(at=hour, zone=zone)} = {_OFFSET.format(at=at, zone=zone)}"
            start = f"if({same}, toTimeZone({hour}, 'UTC'), toTimeZone({start}, 'UTC'))"
        return f"toTimeZone({start}, 'UTC')"

    def where(self, dimensions: Mapping[str, Dimension], but: Collection[str] = ()) -> str:
        """Return the predicate of the tenant and of the filters except ``but``."""
        filters = (self._filter(name, dimensions) for name in self.filters if name not in but)
        return all_of(self.dialect.tenant("user_id"), *filters)

    @property
    def filters(self) -> tuple[str, ...]:
        """Filtered dimensions."""
        return self.dialect.filters

    def between(self, at: str) -> str:
        """Return the predicate that a time is in the range."""
        return f"{at} >= {self.dialect.start} AND {at} < {self.dialect.end}"

    def _filter(self, name: str, dimensions: Mapping[str, Dimension]) -> str:
        if name not in dimensions:
            raise InvalidRequest(name, f"cannot narrow by '{name}' here; expected one of {', '.join(dimensions)}")
        dimension = dimensions[name]
        predicate = self.dialect.any_of if dimension.many else self.dialect.one_of
        return predicate(name, dimension.column)

    def _part(self, dimension: Dimension, name: str) -> str:
        if not dimension.many:
            return dimension.column
        if self.apart:
            return f"arraySort(arrayDistinct({dimension.column}))"
        if name in self.filters:  # a conversation with two providers counts under the filtered one
            return f"arrayJoin(arrayFilter(one -> {self.dialect.one_of(name, 'one')}, {dimension.column}))"
        return f"arrayJoin({dimension.column})"
