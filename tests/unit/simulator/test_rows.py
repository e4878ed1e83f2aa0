from __future__ import annotations

import numpy as np

from simulator.rows import Rows, RowsPart, in_order


def _rows(topic: str, *at: int) -> Rows:
    return Rows(topic, b"k", np.array(at), lambda first, last: [f"{topic}{row}" for row in range(first, last)])


def _values(part: RowsPart | None) -> list[bytes]:
    return [] if part is None else [value for _, _, value in part.messages]


def test_rows_are_handed_out_once_as_their_time_comes() -> None:
    rows = _rows("a", 1, 5, 5, 9)
    assert _values(rows.take(1)) == []
    assert _values(rows.take(5)) == [b"a0"]
    assert _values(rows.take(6)) == [b"a1", b"a2"]
    assert _values(rows.take(100)) == [b"a3"]
    assert rows.take(100) is None


def test_rows_are_done_once_the_last_was_handed_out() -> None:
    rows = _rows("a", 1, 5)
    rows.take(2)
    before = rows.done
    rows.take(6)
    assert (before, rows.done) == (False, True)


def test_skipped_rows_are_never_handed_out() -> None:
    rows = _rows("a", 1, 5, 9)
    rows.skip(5)
    assert _values(rows.take(100)) == [b"a1", b"a2"]


def test_parts_are_merged_by_time_and_ties_keep_the_order_of_the_parts() -> None:
    parts = [part for part in (_rows("a", 2, 4).take(9), _rows("b", 1, 2, 4).take(9)) if part is not None]
    assert [value for _, _, value in in_order(parts)] == [b"b0", b"a0", b"b1", b"a1", b"b2"]
    assert in_order([]) == []
