"""Every error of ClickHouse is tried again, refuses rows, or asks for a person; none of them twice."""

from __future__ import annotations

import pytest

from storage.clickhouse_errors import Remedy, name_of, remedy_of


@pytest.mark.parametrize("code", [6, 27, 38, 41, 69, 70, 72, 117, 128, 131, 190, 248, 321, 349, 395, 407, 469, 691])
def test_what_is_wrong_with_a_row_refuses_the_row(code: int) -> None:
    assert remedy_of(code) is Remedy.REFUSE_ROWS
    assert not name_of(code).startswith("code_")


@pytest.mark.parametrize(
    "code",
    [10, 16, 20, 36, 43, 44, 46, 47, 48, 50, 53, 60, 62, 81, 115, 164, 192, 193, 194, 452, 497, 516],
)
def test_what_is_wrong_with_the_installation_asks_for_a_person(code: int) -> None:
    assert remedy_of(code) is Remedy.CONFIGURE


@pytest.mark.parametrize(
    "code",
    [
        3,  # UNEXPECTED_END_OF_FILE
        159,  # TIMEOUT_EXCEEDED
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY, as a replica that lost its Keeper
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        999,  # KEEPER_EXCEPTION
        123_456,
        None,
    ],
)
def test_what_passes_by_itself_or_is_not_known_is_tried_again(code: int | None) -> None:
    assert remedy_of(code) is Remedy.RETRY
