"""Schedules that are stored, as they are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from models.errors import SettingsError
from reports.schedule_store import _schedule

_NOW = datetime(2026, 11, 30, tzinfo=UTC)


def _row(**changes: Any) -> dict[str, Any]:
    timing = {"cron": "0 7 * * 1", "time_zone": "UTC", "since": _NOW.isoformat(), "missed": "catch-up"}
    row = {
        "user_id": UUID(int=5),
        "name": "Weekly",
        "type": "executive",
        "format": "pdf",
        "schedule_config": json.dumps(timing | changes.pop("timing", {})),
        "filters": json.dumps({"time_range": "7d", "integrations": []}),
        "template_config": json.dumps({}),
        "recipients": ["mailto:ada@example.com"],
        "created_at": _NOW,
        "is_active": True,
    }
    return row | changes


def test_a_stored_schedule_is_read() -> None:
    assert _schedule(_row()).name == "Weekly"


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": ["mailto:ada[eve]@example.com"]},
        {"recipients": []},
        {"timing": {"cron": "0 7 31 4 *"}},
        {"timing": {"time_zone": "Mars/Olympus"}},
        {"type": "none"},
        {"filters": "{"},
    ],
)
def test_what_is_no_schedule_any_more_is_named_with_its_tenant(changes: dict[str, Any]) -> None:
    """Of one that a later version refuses nobody was told which it was, and removing it said that there was none."""
    with pytest.raises(
        SettingsError, match=f"the schedule 'Weekly' of tenant {UUID(int=5)} cannot be read .*add it again"
    ):
        _schedule(_row(**changes))
