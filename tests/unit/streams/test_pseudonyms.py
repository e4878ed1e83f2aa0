"""What counts as the same customer."""

from __future__ import annotations

import pytest

from streams.pseudonyms import Pseudonymiser
from tests.examples.events import SECRET

_TENANT = b"sixteen bytes..."


def _pseudonym(customer: str, key_id: str = "k1") -> str:
    return Pseudonymiser(SECRET, key_id).pseudonym(_TENANT, customer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.com", "ada@example.com"),
        (" ada@example.com\n", "ada@example.com"),
        ("Ольга", "ольга"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\uff41\uff44\uff41", "ada"),  # full-width letters
        ("STRASSE", "straße"),
    ],
)
def test_one_customer_typed_in_two_ways_is_one(one: str, other: str) -> None:
    assert _pseudonym(one) == _pseudonym(other)


@pytest.mark.parametrize(("one", "other"), [("ada", "adam"), ("1", "01"), ("a b", "ab")])
def test_two_customers_are_two(one: str, other: str) -> None:
    assert _pseudonym(one) != _pseudonym(other)


def test_the_pseudonym_does_not_change_from_release_to_release() -> None:
    """Pinned: another value would cut every customer's history in two."""
    assert _pseudonym("customer-4711") == "k1.51cfa9ffa23d3a68d0d3454f921b338b"


def test_the_key_id_is_in_the_pseudonym() -> None:
    assert _pseudonym("ada", "2026-11").startswith("2026-11.")
