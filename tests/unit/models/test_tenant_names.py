"""Display names of tenants."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SettingsError
from models.tenant_names import MAX_LENGTH, checked_name, name_of

TENANT = UUID("0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("  Acme   GmbH ", "Acme GmbH"),
        ("Cafe\u0301", "Café"),
        ("ロマシカ", "ロマシカ"),
        ("a\u200cb", "a\u200cb"),
    ],
)
def test_a_name_is_stored_in_one_form(text: str, stored: str) -> None:
    assert checked_name(text) == stored


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("   ", "is empty"),
        ("x" * (MAX_LENGTH + 1), "at most 80"),
        ("a\nb", "not printed"),
        ("a\x1b[31m", "not printed"),
        ("a\u202eb", "not printed"),
    ],
)
def test_a_wrong_name_is_refused_with_what_is_expected(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        checked_name(text)


@given(st.text())
def test_what_is_taken_is_taken_again_as_it_is(text: str) -> None:
    try:
        stored = checked_name(text)
    except SettingsError:
        return
    assert checked_name(stored) == stored


def test_a_tenant_without_a_name_shows_the_beginning_of_its_id() -> None:
    assert name_of(TENANT, {}) == "0a6f7d52"
    assert name_of(str(TENANT), {TENANT: "Acme"}) == "Acme"
