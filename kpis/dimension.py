"""What figures can be split by and narrowed to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dimension:
    """A column of a source's relation, or an expression over its columns.

    ``many`` marks an array: a row counts for each of its elements, so the parts may add up to more than the whole.
    """

    column: str
    many: bool = False
