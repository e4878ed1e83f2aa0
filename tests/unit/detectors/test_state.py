"""A saved state comes back bit by bit, or is refused."""

from __future__ import annotations

import math

import pytest

from detectors.state import FORMAT, MAX_BYTES, StateSigner
from models.errors import StateRefused

_SECRET = b"a secret of at least 16 bytes"
_PLACE = "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01/hubspot"
_STATE = {"level": 0.1 + 0.2, "tiny": 5e-324, "minus zero": -0.0, "none": None, "names": ["größe", ""], "n": 2**62}


def test_a_state_comes_back_as_it_was_to_the_last_bit() -> None:
    opened = StateSigner(_SECRET).open(StateSigner(_SECRET).seal(_STATE, _PLACE), _PLACE)
    assert opened == _STATE
    assert math.copysign(1.0, opened["minus zero"]) == -1.0


def test_equal_states_are_equal_bytes() -> None:
    seal = StateSigner(_SECRET)
    assert seal.seal(_STATE, _PLACE) == seal.seal(dict(_STATE), _PLACE)


@pytest.mark.parametrize("share", [position / 20 for position in range(20)])
def test_a_state_that_was_cut_off_anywhere_is_refused(share: float) -> None:
    sealed = StateSigner(_SECRET).seal(_STATE, _PLACE)
    with pytest.raises(StateRefused, match=_PLACE):
        StateSigner(_SECRET).open(sealed[: int(share * len(sealed))], _PLACE)


def test_a_state_of_which_any_byte_was_changed_is_refused() -> None:
    sealed = StateSigner(_SECRET).seal(_STATE, _PLACE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(StateRefused):
            StateSigner(_SECRET).open(bytes(changed), _PLACE)


def test_a_state_that_was_moved_to_another_series_is_refused() -> None:
    sealed = StateSigner(_SECRET).seal(_STATE, _PLACE)
    with pytest.raises(StateRefused, match="shopify"):
        StateSigner(_SECRET).open(sealed, _PLACE.replace("hubspot", "shopify"))


def test_a_state_made_without_the_secret_is_refused() -> None:
    sealed = StateSigner(b"another secret, also long").seal(_STATE, _PLACE)
    with pytest.raises(StateRefused, match="ROMASHKA_PSEUDONYM_KEY"):
        StateSigner(_SECRET).open(sealed, _PLACE)


def test_a_signed_state_of_another_format_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.state.FORMAT", FORMAT + 1)
    sealed = StateSigner(_SECRET).seal(_STATE, _PLACE)
    monkeypatch.undo()
    with pytest.raises(StateRefused, match=f"has format {FORMAT + 1}; this program reads {FORMAT}"):
        StateSigner(_SECRET).open(sealed, _PLACE)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_state_that_is_not_a_number_anywhere_is_never_kept(broken: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        StateSigner(_SECRET).seal({"deep": [{"level": broken}]}, _PLACE)


def test_what_is_promised_of_its_size_is_a_page() -> None:
    assert MAX_BYTES == 4096
