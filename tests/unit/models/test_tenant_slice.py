"""Slices cover every tenant once, in the order of the database."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.tenant_slice import ALL, between

ids = st.uuids() | st.integers(0, 3).map(lambda number: UUID(int=number)) | st.just(UUID(int=(1 << 128) - 1))


def in_order(tenants: set[UUID]) -> list[UUID]:
    """ClickHouse compares the second half first."""
    return sorted(tenants, key=lambda one: (one.bytes[8:], one.bytes[:8]))


def just_before(tenant: UUID) -> UUID:
    """Return the tenant before in that order; of the very first the last."""
    place = (int.from_bytes(tenant.bytes[8:] + tenant.bytes[:8]) - 1) % (1 << 128)
    ordered = place.to_bytes(16)
    return UUID(bytes=ordered[8:] + ordered[:8])


@given(st.sets(ids, max_size=20), st.sets(ids, max_size=60))
def test_every_tenant_is_of_the_slice_that_begins_last_before_it(firsts: set[UUID], tenants: set[UUID]) -> None:
    begins = in_order(firsts)
    slices = between([(one, 1) for one in begins])
    assert len(slices) == max(1, len(begins))
    for tenant in tenants | firsts | {just_before(one) for one in firsts}:
        (place,) = [number for number, one in enumerate(slices) if one.among([tenant])]
        assert place == max(0, in_order(firsts | {tenant}).index(tenant) - (tenant not in firsts))


def test_nobody_begins_no_slice_and_there_is_one_of_all() -> None:
    assert between([]) == [ALL]


def test_a_slice_has_as_many_parts_as_it_is_given_and_is_one_itself_otherwise() -> None:
    whole, large = between([(UUID(int=1), 1), (UUID(int=2), 3)])
    assert list(whole.split()) == [whole]
    assert [(one.first, one.part, one.parts) for one in large.split()] == [(UUID(int=2), part, 3) for part in range(3)]
