"""Dimensions: what figures can be split and filtered by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dimension:
    """A column of a source's relation, or an expression over its columns.

    ``many`` marks an array: a row counts under each of its elements, so the parts may add up to more than the total.
    ``result`` marks what is known only of the result, such as the outcome: it says how a figure changed, hardly why.
    """

    column: str
    many: bool = False
    result: bool = False
