"""A pseudonym is always the same for one customer of one tenant, and tells nothing else."""

from __future__ import annotations

import unicodedata

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streams.pseudonyms import Pseudonymiser
from tests.examples.events import SECRET

_tenants = st.binary(min_size=16, max_size=16)
_customers = st.text(min_size=1, max_size=128)
_spaces = st.text(" \t\u00a0", max_size=3)


@settings(deadline=None)
@given(tenant=_tenants, customer=_customers)
def test_the_same_customer_is_the_same_pseudonym_in_every_worker(tenant: bytes, customer: str) -> None:
    one, other = Pseudonymiser(SECRET, "k1"), Pseudonymiser(SECRET, "k1", remembered=0)
    assert one.pseudonym(tenant, customer) == one.pseudonym(tenant, customer) == other.pseudonym(tenant, customer)


@settings(deadline=None)
@given(first=_tenants, second=_tenants, customer=_customers)
def test_two_tenants_customers_are_never_comparable(first: bytes, second: bytes, customer: str) -> None:
    assume(first != second)
    pseudonymiser = Pseudonymiser(SECRET, "k1")
    assert pseudonymiser.pseudonym(first, customer) != pseudonymiser.pseudonym(second, customer)


@settings(deadline=None)
@given(tenant=_tenants, customer=_customers)
def test_another_secret_cuts_every_link(tenant: bytes, customer: str) -> None:
    ours, theirs = Pseudonymiser(SECRET, "k1"), Pseudonymiser(SECRET[::-1], "k1")
    assert ours.pseudonym(tenant, customer) != theirs.pseudonym(tenant, customer)


@settings(deadline=None)
@given(tenant=_tenants, customer=_customers)
def test_a_pseudonym_is_the_key_id_and_digits_that_do_not_depend_on_how_long_the_customer_id_is(
    tenant: bytes, customer: str
) -> None:
    key_id, digits = Pseudonymiser(SECRET, "k1").pseudonym(tenant, customer).split(".")
    assert key_id == "k1"
    assert len(bytes.fromhex(digits)) == 16


# Longer than anything that turns up in 32 hexadecimal digits by chance.
@settings(deadline=None)
@given(tenant=_tenants, customer=st.text(min_size=12, max_size=128))
def test_a_pseudonym_never_contains_the_customer(tenant: bytes, customer: str) -> None:
    assert customer.strip().casefold() not in Pseudonymiser(SECRET, "k1").pseudonym(tenant, customer)


@settings(deadline=None)
@given(tenant=_tenants, customer=_customers, before=_spaces, after=_spaces)
def test_space_around_and_the_form_of_accents_make_no_difference(
    tenant: bytes, customer: str, before: str, after: str
) -> None:
    pseudonym = Pseudonymiser(SECRET, "k1").pseudonym
    decomposed = unicodedata.normalize("NFD", customer)
    assert pseudonym(tenant, f"{before}{decomposed}{after}") == pseudonym(tenant, customer)


@settings(deadline=None)
@given(tenant=_tenants, customer=st.text("abcxyzäöéжию@.+-0123", min_size=1))
def test_capitals_make_no_difference(tenant: bytes, customer: str) -> None:
    pseudonym = Pseudonymiser(SECRET, "k1").pseudonym
    assert pseudonym(tenant, customer.upper()) == pseudonym(tenant, customer)


@settings(deadline=None)
@given(tenant=_tenants, customer=_customers)
def test_a_stored_pseudonym_gets_the_new_key_without_its_owner(tenant: bytes, customer: str) -> None:
    old, older = SECRET[::-1], SECRET + b"older"
    first = Pseudonymiser(older, "k0")
    second = Pseudonymiser(old, "k1", old_keys=[("k0", older)])
    third = Pseudonymiser(SECRET, "k2", old_keys=[("k0", older), ("k1", old)])
    wanted = third.pseudonym(tenant, customer)
    assert wanted.startswith("k2.")
    before, between = first.pseudonym(tenant, customer), second.pseudonym(tenant, customer)
    assert third.rekeyed(tenant, before) == third.rekeyed(tenant, between) == third.rekeyed(tenant, wanted) == wanted
    assert third.under_every_key(tenant, customer) == [before, between, wanted]
    assert third.rekeyed(tenant, "erased.0") == "erased.0"
