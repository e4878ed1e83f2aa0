"""A dialect in which some dimensions have fixed values, as a definition gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kpis.sql.dialect import Dialect
from models.pattern_words import FIXED_PATTERN

PATTERN: Final = FIXED_PATTERN
"""Values that can stand in a literal of ClickHouse, also where Grafana replaces ``$`` and ``${...}``."""


def no_variable(text: str) -> str:
    """Return a text of a definition; raise ``ValueError`` where Grafana would put a variable in: ``[[name]]``."""
    if "[[" in text:
        raise ValueError("expected text without [[, which begins a variable in Grafana")
    return text


@dataclass(frozen=True)
class Fixed:
    """A dialect with fixed values.

    Parameters
    ----------
    dialect
        Where everything else comes from.
    values
        Dimension → value; each matches ``PATTERN``.
    """

    dialect: Dialect
    values: Mapping[str, str]
    narrowed: bool = True

    @property
    def start(self) -> str:
        """As of the dialect."""
        return self.dialect.start

    @property
    def end(self) -> str:
        """As of the dialect."""
        return self.dialect.end

    @property
    def now(self) -> str:
        """As of the dialect."""
        return self.dialect.now

    @property
    def time_zone(self) -> str:
        """As of the dialect."""
        return self.dialect.time_zone

    @property
    def durable_days(self) -> str:
        """As of the dialect."""
        return self.dialect.durable_days

    @property
    def hours_fit(self) -> bool:
        """As of the dialect."""
        return self.dialect.hours_fit

    @property
    def days_fit(self) -> bool:
        """As of the dialect."""
        return self.dialect.days_fit

    @property
    def ends_on_hours(self) -> bool:
        """As of the dialect."""
        return self.dialect.ends_on_hours

    @property
    def filters(self) -> tuple[str, ...]:
        """Dimensions of the dialect, and the fixed ones."""
        return tuple(dict.fromkeys((*self.dialect.filters, *self.values))) if self.narrowed else ()

    def unnarrowed(self, name: str) -> str:
        """Return ``false`` for a fixed dimension."""
        return "false" if name in self.values else self.dialect.unnarrowed(name)

    def by_one_value(self, name: str) -> str:
        """Return ``true`` for a fixed dimension."""
        return "true" if name in self.values else self.dialect.by_one_value(name)

    def tenant(self, column: str) -> str:
        """Return the predicate of the tenant."""
        return self.dialect.tenant(column)

    def one_of(self, name: str, column: str) -> str:
        """Return equality with the fixed value."""
        return f"{column} = '{self.values[name]}'" if name in self.values else self.dialect.one_of(name, column)

    def any_of(self, name: str, column: str) -> str:
        """Return whether the fixed value is in the array."""
        return f"has({column}, '{self.values[name]}')" if name in self.values else self.dialect.any_of(name, column)

    def over(self, start: str, end: str, *, narrowed: bool = True) -> Fixed:
        """Return the dialect with another range."""
        return replace(self, dialect=self.dialect.over(start, end, narrowed=narrowed), narrowed=narrowed)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the dialect; fixed values are literals."""
        return self.dialect.parameters
