"""A slice of tenants: what a job over all tenants works through at a time, so that its memory is bounded.

The slices of a run cover every tenant there could be, once: also one whose first event arrives while the run goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple
from uuid import UUID


def of_tenants(column: str) -> str:
    """Return the SQL predicate that a column is a tenant of the slice."""
    return f"{column} BETWEEN {{first_tenant:UUID}} AND {{last_tenant:UUID}}"


TENANTS: Final = of_tenants("user_id")
"""SQL: whether a row is of a tenant of the slice."""
PART: Final = "cityHash64(customer_id) % {parts:UInt32} = {part:UInt32}"
"""SQL: whether a row is of a customer of the part."""
CUSTOMERS: Final = f"{TENANTS} AND {PART}"
"""SQL: whether a row is of a customer of the slice."""

_HALF: Final = (1 << 64) - 1


class TenantSlice(NamedTuple):
    """Tenants from ``first`` to ``last``, both included, in the order of ClickHouse; without bounds all tenants.

    A slice has as many ``parts`` as its customers make necessary, and is itself the first of them until it is split:
    ``TENANTS`` holds for all of its rows, ``CUSTOMERS`` for those of a ``part``, which a hash chooses.
    """

    first: UUID = UUID(int=0)
    last: UUID = UUID(int=(1 << 128) - 1)
    part: int = 0
    parts: int = 1

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of ``TENANTS`` and ``CUSTOMERS``."""
        return {"first_tenant": self.first, "last_tenant": self.last, "part": self.part, "parts": self.parts}

    def among(self, tenants: Collection[UUID]) -> list[UUID]:
        """Return those of some tenants that are of the slice."""
        first, last = _place(self.first), _place(self.last)
        return [one for one in tenants if first <= _place(one) <= last]

    def split(self) -> Iterator[TenantSlice]:
        """Yield the parts: each customer is of one of them."""
        return (self._replace(part=part) for part in range(self.parts))


ALL: Final = TenantSlice()
"""One slice of all tenants and customers."""


def between(firsts: Collection[tuple[UUID, int]]) -> list[TenantSlice]:
    """Return the slices that begin at these tenants, which are in the order of ClickHouse, each in so many parts.

    The first begins with the first tenant that there could be, and each ends before the next. There is always one.
    """
    begins = [0, *(_place(first) for first, _ in list(firsts)[1:])]
    ends = [*(begin - 1 for begin in begins[1:]), (1 << 128) - 1]
    parts = [parts for _, parts in firsts] or [1]
    return [TenantSlice(_at(begin), _at(end), parts=many) for begin, end, many in zip(begins, ends, parts, strict=True)]


def _place(user_id: UUID) -> int:
    """Return a number by which tenants are in the order of ClickHouse: it compares the second half first."""
    return (user_id.int & _HALF) << 64 | user_id.int >> 64


def _at(place: int) -> UUID:
    return UUID(int=(place & _HALF) << 64 | place >> 64)
