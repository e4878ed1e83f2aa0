from __future__ import annotations

from cli.commands.demo import _Patience


def test_patience_lasts_while_anything_moves_and_runs_out_where_nothing_does() -> None:
    patience = _Patience()
    assert not any(patience.spent(stored, 170.0 * stored) for stored in range(10))
    assert not patience.spent(9, 170.0 * 9 + 180)
    assert patience.spent(9, 170.0 * 9 + 181)


def test_nothing_at_all_is_waited_for_as_long() -> None:
    patience = _Patience()
    assert not patience.spent(None, 1000.0)
    assert patience.spent(None, 1181.0)
