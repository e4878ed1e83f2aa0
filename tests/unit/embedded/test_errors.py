"""How the engine's failures become ClickHouse's answers."""

from __future__ import annotations

import pytest

from embedded.errors import from_engine


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (27, 400), (60, 404), (47, 404), (115, 404), (159, 408), (48, 501), (497, 403), (241, 500), (164, 500)],
)
def test_a_code_has_the_status_that_clickhouse_gives_it(code: int, status: int) -> None:
    assert from_engine(RuntimeError(f"Code: {code}. DB::Exception: x")).status == status


def test_only_the_engines_own_words_are_passed_on() -> None:
    failure = from_engine(RuntimeError("Streaming query failed: Code: 60. DB::Exception: no t. (UNKNOWN_TABLE)"))

    assert failure.code == 60
    assert failure.message == "Code: 60. DB::Exception: no t. (UNKNOWN_TABLE)"


@pytest.mark.parametrize("nested", [False, True])
def test_a_message_that_is_no_utf8_is_told_all_the_same(nested: bool) -> None:
    undecodable = UnicodeDecodeError("utf-8", b"Code: 43. DB::Exception: '\xff'", 26, 27, "invalid start byte")
    error: Exception = undecodable
    if nested:
        error = RuntimeError("Streaming query failed: 'utf-8' codec can't decode byte 0xff")
        error.__cause__ = undecodable

    failure = from_engine(error)

    assert failure.code == 43
    assert failure.message == "Code: 43. DB::Exception: '\N{REPLACEMENT CHARACTER}'"


def test_an_error_without_a_code_is_not_mistaken_for_another() -> None:
    failure = from_engine(RuntimeError("something broke"))

    assert (failure.code, failure.status) == (1001, 500)
    assert "something broke" in failure.message
