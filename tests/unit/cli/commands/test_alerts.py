from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands import alerts
from dashboards.alerts.replay import Firing
from models.errors import SettingsError

BEGAN = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, datetime]]:
    """The ranges that were replayed; each has one firing."""
    ranges: list[tuple[datetime, datetime]] = []

    @contextmanager
    def nothing(_: object) -> Iterator[None]:
        yield None

    def run_all(_: object, __: object, start: datetime, end: datetime, ___: timedelta) -> list[Firing]:
        ranges.append((start, end))
        return [Firing("rule", "A rule", (), BEGAN, None, 1.0)]

    monkeypatch.setattr(alerts, "connect", nothing)
    monkeypatch.setattr(alerts, "run_all", run_all)
    return ranges


def backtest(*arguments: str) -> Any:
    return CliRunner().invoke(alerts.app, ["backtest", *arguments], env={"COLUMNS": "160"}, catch_exceptions=False)


def test_times_are_read_and_shown_on_the_clocks_of_the_zone(asked: list[tuple[datetime, datetime]]) -> None:
    printed = backtest("--from", "2026-10-25", "--to", "2026-10-26T12:00", "--time-zone", "Europe/Berlin").output
    assert asked == [(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 26, 11, tzinfo=UTC))]
    assert "Would have fired (Europe/Berlin)" in printed
    assert "10-25 02:30" in printed


def test_a_ground_truth_without_offsets_is_refused(asked: list[tuple[datetime, datetime]], tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    one = {"id": "1", "kind": "outage", "provider": "hubspot", "tenant": None}
    truth.write_text(json.dumps({"incidents": [{**one, "start": "2026-10-25T01:00:00", "end": "2026-10-25T02:00:00"}]}))
    with pytest.raises(SettingsError, match="not a ground truth"):
        backtest("--truth", str(truth))
    assert asked == []
