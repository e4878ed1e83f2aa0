"""SQL of shares and means with their 95 % intervals. A zero denominator gives NULL, never an error or a zero."""

from __future__ import annotations

from typing import Final, NamedTuple

from kpis.kpi import Aggregate, Source

_Z: Final = "1.959963984540054"


class Formula(NamedTuple):
    """Value, volume and bounds of an aggregate."""

    value: str
    n: str
    low: str = ""
    high: str = ""

    def over(self, source: Source) -> Aggregate:
        """Return the aggregate of a source's rows."""
        return Aggregate(source, **self._asdict())


def total(value: str, n: str) -> Formula:
    """Return a sum or a count: exact, so without an interval."""
    return Formula(value, n)


def share(part: str, whole: str) -> Formula:
    """Return a share with its Wilson score interval (``sinks/schema/0056_wilson.sql``); both arguments count."""
    value = f"({part}) / nullIf({whole}, 0)"
    return Formula(value, whole, f"romashka_wilson_low({part}, {whole})", f"romashka_wilson_high({part}, {whole})")


def mean(column: str) -> Formula:
    """Return the mean of a column that may be NULL, with the interval of its standard error."""
    number = f"toFloat64({column})"
    value, n = f"avg({number})", f"count({column})"
    half = f"if({n} < 2, NULL, {_Z} * stddevSampStable({number}) / sqrt({n}))"
    return Formula(f"if({n} = 0, NULL, {value})", n, f"{value} - {half}", f"{value} + {half}")


def mean_of_sums(name: str) -> Formula:
    """Return ``mean`` from the columns ``<name>_count``, ``<name>_sum`` and ``<name>_squares``."""
    n, total_, squares = (f"toFloat64(sum({name}_{what}))" for what in ("count", "sum", "squares"))
    value = f"{total_} / nullIf({n}, 0)"
    variance = f"greatest(0., {squares} - {total_} * {total_} / {n}) / ({n} - 1)"
    half = f"if({n} < 2, NULL, {_Z} * sqrt({variance} / {n}))"
    return Formula(value, f"sum({name}_count)", f"{value} - {half}", f"{value} + {half}")


def quotient(numerator: str, denominator: str) -> Formula:
    """Return a mean from a sum and a count, without an interval."""
    return Formula(f"toFloat64({numerator}) / nullIf({denominator}, 0)", denominator)
