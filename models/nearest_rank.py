"""Quantiles by nearest rank as SQL.

Apart from ``models.histogram``, so that modules that build SQL do not import numpy.
"""

from __future__ import annotations


def nearest_rank_of(values: str, q: float) -> str:
    """Return the SQL of the ``q`` quantile of an array by nearest rank; of an empty one it is the type's zero.

    ClickHouse's own quantiles lie between two values or, ``quantileExact`` too, one above the rank where ``q * n`` is
    whole.
    """
    return f"arraySort({values})[greatest(1, toUInt64(ceil({q} * length({values}) - 1e-9)))]"
