"""Sealed bytes open with the right secret in the right place, and in no other way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import DecryptionFailed
from storage.payload_cipher import PayloadCipher, place_of
from tests.examples.events import SECRET

_PLACE = place_of("integration.queries.v1", 11, 3, 42)
_CLEAR = b'{"customer_id": "canary@example.com"'


@settings(deadline=None)
@given(clear=st.binary(max_size=200), place=st.text(max_size=40))
def test_what_was_sealed_opens_again(clear: bytes, place: str) -> None:
    assert PayloadCipher(SECRET).open(PayloadCipher(SECRET).seal(clear, place), place) == clear


def test_sealed_bytes_show_nothing_and_differ_each_time() -> None:
    cipher = PayloadCipher(SECRET)
    one, other = cipher.seal(_CLEAR, _PLACE), cipher.seal(_CLEAR, _PLACE)
    assert b"canary" not in one
    assert one != other


def test_another_secret_does_not_open_them() -> None:
    with pytest.raises(DecryptionFailed, match="ROMASHKA_PSEUDONYM_KEY is not the one"):
        PayloadCipher(SECRET[::-1]).open(PayloadCipher(SECRET).seal(_CLEAR, _PLACE), _PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        place_of("integration.outcomes.v1", 11, 3, 42),
        place_of("integration.queries.v1", 12, 3, 42),
        place_of("integration.queries.v1", 11, 4, 42),
        place_of("integration.queries.v1", 11, 3, 43),
    ],
)
def test_bytes_moved_to_another_row_do_not_open(elsewhere: str) -> None:
    cipher = PayloadCipher(SECRET)
    with pytest.raises(DecryptionFailed, match=elsewhere):
        cipher.open(cipher.seal(_CLEAR, _PLACE), elsewhere)


def test_bytes_that_were_cut_short_do_not_open() -> None:
    cipher = PayloadCipher(SECRET)
    sealed = cipher.seal(_CLEAR, _PLACE)
    for length in range(len(sealed)):
        with pytest.raises(DecryptionFailed, match="does not open"):
            cipher.open(sealed[:length], _PLACE)


def test_one_changed_bit_anywhere_is_noticed() -> None:
    cipher = PayloadCipher(SECRET)
    sealed = cipher.seal(_CLEAR, _PLACE)
    for i in range(len(sealed)):
        changed = bytes([*sealed[:i], sealed[i] ^ 1, *sealed[i + 1 :]])
        with pytest.raises(DecryptionFailed):
            cipher.open(changed, _PLACE)


def test_dead_letters_and_pseudonyms_do_not_share_a_key() -> None:
    """The secret itself, as a key, opens nothing."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    sealed = PayloadCipher(SECRET).seal(_CLEAR, _PLACE)
    with pytest.raises(InvalidTag):
        AESGCM(SECRET).decrypt(sealed[:12], sealed[12:], _PLACE.encode())
