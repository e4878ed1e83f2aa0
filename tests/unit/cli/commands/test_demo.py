from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from cli.commands.demo import _Patience
from cli.demo_traffic import FEWEST, traffic
from cli.main import app
from models.errors import SettingsError

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_patience_lasts_while_anything_moves_and_runs_out_where_nothing_does() -> None:
    patience = _Patience()
    assert not any(patience.spent(stored, 170.0 * stored) for stored in range(10))
    assert not patience.spent(9, 170.0 * 9 + 180)
    assert patience.spent(9, 170.0 * 9 + 181)


def test_nothing_at_all_is_waited_for_as_long() -> None:
    patience = _Patience()
    assert not patience.spent(None, 1000.0)
    assert patience.spent(None, 1181.0)


def test_too_few_events_are_refused_before_anything_starts() -> None:
    refused = CliRunner().invoke(app, ["demo", "--events", str(FEWEST - 1)], env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert f"greater than or equal to {FEWEST}" in refused.output
    with pytest.raises(SettingsError, match="sync jobs"):
        traffic(NOW, seed=1, events=40_000)
    assert traffic(NOW, seed=1, events=FEWEST).month.rate > 0
