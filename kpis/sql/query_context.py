"""A question as the definitions see it: pieces of SQL for the range, the tenant, the filters and the split."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from kpis.dimension import Dimension
from kpis.scope import Interval
from kpis.sql.dialect import Dialect
from models.errors import InvalidRequest

_BUCKETS: Final = {
    Interval.MINUTE: "toStartOfMinute({at})",
    Interval.HOUR: "toStartOfHour({at}, {zone})",
    Interval.DAY: "toStartOfDay({at}, {zone})",
    Interval.WEEK: "toDateTime(toStartOfWeek({at}, 1, {zone}), {zone})",
}


@dataclass(frozen=True)
class QueryContext:
    """One question: the dialect has its values, ``by`` and ``every`` say how it is split."""

    dialect: Dialect
    by: tuple[str, ...] = ()
    every: Interval | None = None
    rolled_up: bool = True
    """Whether roll-ups may be read; the answer is the same without them, only later."""
    bounds: bool = True
    """Whether bounds are wanted; without them they are NULL, which takes half as long to plan."""
    total: bool = False
    """Whether a series comes with the figure of the whole range, in a row whose time is 0."""
    used: str = ""
    """What is computed of a source's rows, as SQL: a source need not have columns that are not named here."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that say what a row is about: the dimensions, then ``time`` where it is a series."""
        return (*self.by, "time") if self.every else self.by

    def split(self, dimensions: Mapping[str, Dimension], at: str = "at") -> str:
        """Return the SELECT list of ``columns``, each with a trailing comma; ``at`` is the time a row counts for."""
        return "".join(f"{self._part(dimensions[name], name)} AS {name}, " for name in self.by) + (
            f"{self.bucket(at)} AS time, " if self.every else ""
        )

    @property
    def grouping(self) -> str:
        """``GROUP BY`` of the columns; nothing where there are none."""
        names = ", ".join(self.columns)
        if self.total:
            return f"GROUP BY GROUPING SETS (({names}), ())"
        return f"GROUP BY {names}" if names else ""

    def bucket(self, at: str) -> str:
        """Return the start of the step of the series that a moment lies in (a DateTime in UTC)."""
        if self.every is None:
            raise ValueError("not a time series")
        return f"toTimeZone({_BUCKETS[self.every].format(at=at, zone=self.dialect.time_zone)}, 'UTC')"

    def where(self, dimensions: Mapping[str, Dimension], but: Collection[str] = ()) -> str:
        """Return the predicate of tenant and filters, ``but`` some of those; there is always one for the tenant."""
        filters = (self._filter(name, dimensions) for name in self.filters if name not in but)
        return " AND ".join([self.dialect.tenant("user_id"), *filters])

    @property
    def filters(self) -> tuple[str, ...]:
        """Dimensions that the question is narrowed by."""
        return self.dialect.filters

    def between(self, at: str) -> str:
        """Return the predicate that a moment is in the range."""
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
        if name in self.filters:  # a conversation with two providers counts under the one that was asked for
            return f"arrayJoin(arrayFilter(one -> {self.dialect.one_of(name, 'one')}, {dimension.column}))"
        return f"arrayJoin({dimension.column})"
