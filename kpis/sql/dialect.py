"""SQL dialects: values as bound parameters of ClickHouse, or as Grafana's macros and variables.

Definitions use ``dialect.start`` in both cases, so a panel and the command line share every predicate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from kpis.scope import AllTenants, Scope, whole_hours


class Dialect(Protocol):
    """Values of a query as SQL expressions and predicates."""

    @property
    def start(self) -> str:
        """First moment of the range, on a whole minute (a DateTime in UTC)."""

    @property
    def end(self) -> str:
        """First moment after the range, on a whole minute."""

    @property
    def now(self) -> str:
        """The time at which durability is evaluated."""

    @property
    def time_zone(self) -> str:
        """Name of the time zone whose days and weeks count."""

    @property
    def durable_days(self) -> str:
        """Days without a return that make a resolution durable."""

    @property
    def hours_fit(self) -> bool:
        """Whether the time zone's hours are those of UTC."""

    @property
    def days_fit(self) -> bool:
        """Whether the time zone's days are those of UTC."""

    @property
    def ends_on_hours(self) -> bool:
        """Whether both ends of the range are certainly whole hours of UTC."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Dimensions that may be filtered."""

    def unnarrowed(self, name: str) -> str:
        """Return the constant expression that a filter is inactive; ``false`` where it is certainly active."""

    def by_one_value(self, name: str) -> str:
        """Return the constant expression that a filter has one value; ``false`` where that is certain."""

    def tenant(self, column: str) -> str:
        """Return the predicate of the tenant; ``true`` for all tenants. Every statement has it."""

    def one_of(self, name: str, column: str) -> str:
        """Return the predicate that a column has the wanted value of a dimension."""

    def any_of(self, name: str, column: str) -> str:
        """Return the predicate that an array holds a wanted value of a dimension."""

    def over(self, start: str, end: str, *, narrowed: bool = True) -> Dialect:
        """Return the dialect with another range (SQL expressions), for example the previous period.

        ``narrowed`` says whether the filters still apply; the tenant always does.
        """

    @property
    def parameters(self) -> dict[str, Any]:
        """The bound parameters."""


def _up(moment: str) -> str:
    """Return an end of Grafana's range rounded up to the next whole minute (as ``Scope`` does).

    The expression is short because ClickHouse resolves it again wherever a statement names the range: choosing between
    minutes and hours here took a fifth of a panel's time. The ranges that dashboards offer end on whole hours where
    that matters (``dashboards.time_ranges``).
    """
    return f"toStartOfMinute(toDateTime({moment}, 'UTC') + 59)"


def _text(moment: datetime) -> str:
    """Return a time as text; as a datetime the client would drop its milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


_START: Final = "{start:DateTime('UTC')}"
_END: Final = "{end:DateTime('UTC')}"


@dataclass(frozen=True)
class Bound:
    """Values bound by ClickHouse: ``{start:DateTime('UTC')}``."""

    scope: Scope

    start: str = _START
    end: str = _END
    time_zone: str = "{time_zone:String}"
    durable_days: str = "{durable_days:UInt16}"
    narrowed: bool = True

    @property
    def now(self) -> str:
        """``as_of``, or the database's clock."""
        return "now64(3, 'UTC')" if self.scope.as_of is None else "{as_of:DateTime64(3, 'UTC')}"

    @property
    def hours_fit(self) -> bool:
        """Whether the time zone's hours are those of UTC."""
        return whole_hours(self.scope)

    @property
    def days_fit(self) -> bool:
        """Whether the time zone is UTC."""
        return self.scope.time_zone == "UTC"

    @property
    def ends_on_hours(self) -> bool:
        """Whether the range is the scope's, and both of its ends are whole hours."""
        is_scope = (self.start, self.end) == (_START, _END)
        return is_scope and self.scope.first.minute == self.scope.limit.minute == 0

    @property
    def filters(self) -> tuple[str, ...]:
        """Dimensions with a value."""
        return tuple(self.scope.filters) if self.narrowed else ()

    def unnarrowed(self, name: str) -> str:  # noqa: ARG002 - a bound filter is always active
        """Return ``false``."""
        return "false"

    def by_one_value(self, name: str) -> str:
        """Return whether the filter is one value and not several."""
        return "false" if isinstance(self.scope.filters[name], tuple) else "true"

    def tenant(self, column: str) -> str:
        """Return the predicate of the tenant."""
        return "true" if isinstance(self.scope.tenant, AllTenants) else f"{column} = {{tenant:UUID}}"

    def one_of(self, name: str, column: str) -> str:
        """Return equality with the bound value, or membership in the bound values."""
        if isinstance(self.scope.filters[name], tuple):
            return f"has({{{name}:Array(String)}}, {column})"
        return f"{column} = {{{name}:String}}"

    def any_of(self, name: str, column: str) -> str:
        """Return whether the bound value, or any of the bound values, is in the array."""
        if isinstance(self.scope.filters[name], tuple):
            return f"hasAny({{{name}:Array(String)}}, {column})"
        return f"has({column}, {{{name}:String}})"

    def over(self, start: str, end: str, *, narrowed: bool = True) -> Bound:
        """Return the dialect with another range."""
        return replace(self, start=start, end=end, narrowed=narrowed)

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters; ClickHouse ignores unused ones."""
        scope = self.scope
        given: dict[str, Any] = {
            "start": f"{scope.first:%Y-%m-%d %H:%M:%S}",
            "end": f"{scope.limit:%Y-%m-%d %H:%M:%S}",
            "time_zone": scope.time_zone,
            "durable_days": scope.durable_days,
            **{name: list(one) if isinstance(one, tuple) else one for name, one in scope.filters.items()},
        }
        if not isinstance(scope.tenant, AllTenants):
            given["tenant"] = str(scope.tenant)
        if scope.as_of is not None:
            given["as_of"] = _text(scope.as_of)
        return given


@dataclass(frozen=True)
class Grafana:
    """Grafana's time range and dashboard variables.

    ``variables`` names the dashboard's variables among ``tenant`` and the filters; alert rules have none. Each variable
    offers "All" with the custom value ``all``; the filters may be multi-value.

    Values are written percent-encoded and decoded by ClickHouse. A value from the address bar cannot leave its string
    literal: the encoding contains neither quotes nor backslashes, which ``singlequote`` would let through. This
    prevents SQL injection; access to tenants is enforced by row policies.
    """

    variables: tuple[str, ...] = ("tenant",)
    zone_name: str = "UTC"
    durable_days: str = "7"
    hours_fit: bool = True
    start: str = _up("$__fromTime")
    end: str = _up("$__toTime")
    now: str = "now64(3, 'UTC')"
    narrowed: bool = True

    @property
    def time_zone(self) -> str:
        """The time zone as a literal."""
        return f"'{self.zone_name}'"

    @property
    def days_fit(self) -> bool:
        """Whether the time zone is UTC."""
        return self.zone_name == "UTC"

    @property
    def ends_on_hours(self) -> bool:
        """``False``: the range is chosen later."""
        return False

    @property
    def filters(self) -> tuple[str, ...]:
        """The variables beside the tenant's."""
        return tuple(name for name in self.variables if name != "tenant") if self.narrowed else ()

    def unnarrowed(self, name: str) -> str:
        """Return whether "All" is chosen."""
        return f"has({_chosen(name)}, 'all')"

    def by_one_value(self, name: str) -> str:
        """Return whether one value is chosen."""
        return f"length({_chosen(name)}) = 1"

    def tenant(self, column: str) -> str:
        """Return the predicate of the tenant variable; all tenants where the dashboard has none."""
        if "tenant" not in self.variables:
            return "true"
        chosen = "decodeURLComponent('${tenant:percentencode}')"
        return f"({chosen} = 'all' OR {column} = toUUIDOrZero({chosen}))"

    def one_of(self, name: str, column: str) -> str:
        """Return membership in the chosen values."""
        return f"(has({_chosen(name)}, 'all') OR has({_chosen(name)}, {column}))"

    def any_of(self, name: str, column: str) -> str:
        """Return whether any chosen value is in the array."""
        return f"(has({_chosen(name)}, 'all') OR hasAny({_chosen(name)}, {column}))"

    def over(self, start: str, end: str, *, narrowed: bool = True) -> Grafana:
        """Return the dialect with another range."""
        return replace(self, start=start, end=end, narrowed=narrowed)

    @property
    def parameters(self) -> dict[str, Any]:
        """Empty: Grafana substitutes its own values."""
        return {}


def _chosen(name: str) -> str:
    """Return the chosen values as an array; several arrive as ``{a,b}``, one as ``a``."""
    return f"splitByChar(',', trim(BOTH '{{}}' FROM decodeURLComponent('${{{name}:percentencode}}')))"
