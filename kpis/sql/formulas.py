"""SQL of shares and means with their 95 % intervals. A zero denominator gives NULL, never an error or a zero.

A formula names the columns that it reads, so that a source can leave out the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from kpis.contribution import Makeup
from kpis.kpi import Aggregate, Source

_Z: Final = "1.959963984540054"


@dataclass(frozen=True)
class Term:
    """An SQL aggregate, and the columns of the source's rows that it reads."""

    sql: str
    columns: frozenset[str] = frozenset()

    def __add__(self, other: Term) -> Term:
        """Return the sum of two terms."""
        return Term(f"{self.sql} + {other.sql}", self.columns | other.columns)

    def __sub__(self, other: Term) -> Term:
        """Return the difference of two terms."""
        return Term(f"{self.sql} - {other.sql}", self.columns | other.columns)


ROWS: Final = Term("count()")
"""The number of rows."""


def summed(column: str, where: str = "") -> Term:
    """Return the sum of a column, over the rows where another column is true if one is named."""
    if where:
        return Term(f"sumIf({column}, {where})", frozenset({column, where}))
    return Term(f"sum({column})", frozenset({column}))


class Formula(NamedTuple):
    """Value, volume and bounds of an aggregate, the columns that they read, and how its parts make up the whole."""

    value: str
    n: str
    low: str = ""
    high: str = ""
    columns: frozenset[str] = frozenset()
    makeup: Makeup = Makeup.NEITHER

    def over(self, source: Source) -> Aggregate:
        """Return the aggregate of a source's rows."""
        return Aggregate(source, **self._asdict())


def total(value: Term, n: Term) -> Formula:
    """Return a sum or a count: exact, so without an interval."""
    return Formula(value.sql, n.sql, columns=value.columns | n.columns, makeup=Makeup.SUM)


def share(part: Term, whole: Term) -> Formula:
    """Return a share with its Wilson score interval (``sinks/schema/0056_wilson.sql``); both arguments count."""
    counts = f"{part.sql}, {whole.sql}"
    return Formula(
        f"({part.sql}) / nullIf({whole.sql}, 0)",
        whole.sql,
        f"romashka_wilson_low({counts})",
        f"romashka_wilson_high({counts})",
        part.columns | whole.columns,
        Makeup.MEAN,
    )


def mean(column: str) -> Formula:
    """Return the mean of a column that may be NULL, with the interval of its standard error."""
    number = f"toFloat64({column})"
    value, n = f"avg({number})", f"count({column})"
    half = f"if({n} < 2, NULL, {_Z} * stddevSampStable({number}) / sqrt({n}))"
    low, high = f"{value} - {half}", f"{value} + {half}"
    return Formula(f"if({n} = 0, NULL, {value})", n, low, high, frozenset({column}), Makeup.MEAN)


def mean_of_sums(name: str) -> Formula:
    """Return ``mean`` from the columns ``<name>_count``, ``<name>_sum`` and ``<name>_squares``."""
    columns = [f"{name}_{what}" for what in ("count", "sum", "squares")]
    n, total_, squares = (f"toFloat64(sum({column}))" for column in columns)
    value = f"{total_} / nullIf({n}, 0)"
    variance = f"greatest(0., {squares} - {total_} * {total_} / {n}) / ({n} - 1)"
    half = f"if({n} < 2, NULL, {_Z} * sqrt({variance} / {n}))"
    low, high = f"{value} - {half}", f"{value} + {half}"
    return Formula(value, f"sum({name}_count)", low, high, frozenset(columns), Makeup.MEAN)


def quotient(numerator: Term, denominator: Term) -> Formula:
    """Return a mean from a sum and a count, without an interval."""
    value = f"toFloat64({numerator.sql}) / nullIf({denominator.sql}, 0)"
    columns = numerator.columns | denominator.columns
    return Formula(value, denominator.sql, columns=columns, makeup=Makeup.MEAN)
