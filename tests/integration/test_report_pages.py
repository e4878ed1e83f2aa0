"""Paging through a list of reports that grows meanwhile: by cursor, each report is on one page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.parameters import ReportListQuery, cursor
from api.problems import Refused
from reports.store import PAGE, made
from sinks.connection import ClickHouseAddress, connect

pytestmark = pytest.mark.stack

AT = datetime(2026, 11, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def test_reports_that_are_made_meanwhile_move_nothing_from_page_to_page(database: ClickHouseAddress) -> None:
    rows = PAGE * 2 + 10
    add = (
        "INSERT INTO generated_reports (id, user_id, title, type, format, created_at) "
        "SELECT generateUUIDv4(), toUUID('00000000-0000-0000-0000-000000000007'), 'Any', 'executive', 'pdf', "
        "{at:DateTime64(3, 'UTC')} + INTERVAL intDiv(number, 7) MILLISECOND FROM numbers({rows:UInt32})"
    )
    with connect(database) as client:
        client.command(add, {"at": "2026-11-01 12:00:00.123", "rows": rows})
        before = None
        seen: list[UUID] = []
        while page := made(client, AT - timedelta(days=1), UUID(int=7), before):
            seen += [row["id"] for row in page]
            last = page[-1]
            before = ReportListQuery(cursor=cursor(last["created_at"], last["id"])).before
            client.command(add, {"at": "2026-11-02 12:00:00.000", "rows": 5})
    assert len(seen) == len(set(seen)) == rows


def test_a_cursor_beside_an_offset_is_refused() -> None:
    with pytest.raises(Refused):
        _ = ReportListQuery(cursor=cursor(AT, UUID(int=1)), offset=5).before
