"""Paging through lists that grow meanwhile: by cursor, each row that was there is on one page, and on one only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from api import keys
from api.keys import KeySigner, read_keys
from api.parameters import ListQuery
from api.problems import ApiError
from cli.arguments import after
from kpis.query import build_query
from kpis.scope import ALL_TENANTS, Interval, Scope
from models.errors import SettingsError
from models.pages import Listing, Page, cursor
from reports import store as report_store
from reports.schedule_store import ScheduleFilter as WantedSchedules
from reports.schedule_store import readable
from storage import audit, deployments, insight_store
from storage.connection import ClickHouseAddress, connect
from storage.dead_letter_store import DeadLetterFilter as WantedLetters
from storage.dead_letter_store import DeadLetterStore, Key
from storage.payload_cipher import PayloadCipher
from storage.reading import ask_page, query_rows
from tests.examples.events import SECRET

pytestmark = pytest.mark.stack

AT: Final = datetime.now(UTC).replace(microsecond=123_000) - timedelta(days=2)
SINCE: Final = AT - timedelta(days=1)
SIGNER: Final = KeySigner(SECRET)
# Several rows have the same time: the rest of what a list is ordered by tells them apart.
_TIME: Final = f"toDateTime64('{AT:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC') + INTERVAL intDiv(number, 7) MILLISECOND"
_TENANT: Final = "toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number % 3 + 1), 12, '0')))"


class _Unsealed(PayloadCipher):
    """Opens what was never sealed."""

    def open(self, sealed: bytes, place: str) -> bytes:
        return sealed


class List(NamedTuple):
    """A list: how rows get into it (``{first}`` is the first number), and how a page of it is fetched."""

    insert: str
    page: Callable[[Client, str | None, int], Page[Any]]


def _insights(client: Client, text: str | None, limit: int) -> Page[Any]:
    wanted = insight_store.InsightFilter(limit=limit)
    if last := after(text or "", Listing.INSIGHTS, datetime, UUID):
        wanted = wanted._replace(after=last[0], after_id=last[1])
    rows, more = insight_store.insight_page(client, wanted)
    return Page([one.id for one in rows], more)


def _reports(client: Client, text: str | None, limit: int) -> Page[Any]:
    last = after(text or "", Listing.REPORTS, datetime, UUID)
    before = (last[0], last[1]) if last else None
    rows, more = report_store.made(client, report_store.ReportFilter(SINCE, before=before, limit=limit))
    return Page([row["id"] for row in rows], more)


def _schedules(client: Client, text: str | None, limit: int) -> Page[Any]:
    wanted = WantedSchedules(limit=limit)
    if last := after(text or "", Listing.SCHEDULES, str, UUID):
        wanted = wanted._replace(after=(last[0], last[1]))
    found, faults, more = readable(client, wanted)
    assert found == []
    return Page(faults, more)


def _letters(client: Client, text: str | None, limit: int) -> Page[Any]:
    last = after(text or "", Listing.DEAD_LETTERS, datetime, str, int, int, int)
    store = DeadLetterStore(client, _Unsealed(SECRET))
    rows, more = store.page(WantedLetters(limit=limit, after=Key(*last) if last else None))
    return Page([letter.place for letter in rows], more)


def _audit(client: Client, text: str | None, limit: int) -> Page[Any]:
    last = after(text or "", Listing.AUDIT, datetime, int, str)
    rows, more = audit.newest(client, SINCE, "", limit, (last[0], last[1], last[2]) if last else audit.NEWEST)
    return Page([row.hash for row in rows], more)


def _keys(client: Client, text: str | None, limit: int) -> Page[Any]:
    last = after(text or "", Listing.KEYS, datetime, str)
    rows = read_keys(client, SIGNER, limit, (last[0], last[1]) if last else keys.FIRST)
    assert rows.keys == []
    return Page([key.id for key in rows.unsigned], rows.next)


def _deployments(client: Client, text: str | None, limit: int) -> Page[Any]:
    last = after(text or "", Listing.DEPLOYMENTS, datetime, str, str, UUID)
    before = deployments.Deployment(last[1], last[2], last[0], last[3]) if last else deployments.NEWEST
    return deployments.deployments(client, SINCE, limit, before)


LISTS: Final = {
    "insights": List(
        f"INSERT INTO predictive_insights (id, user_id, insight_type, status, started_at, created_at, updated_at) "
        f"SELECT generateUUIDv4(), {_TENANT}, 'churn_risk', 'open', {_TIME}, now(), now()",
        _insights,
    ),
    "reports": List(
        f"INSERT INTO generated_reports (id, user_id, title, type, format, created_at) "
        f"SELECT generateUUIDv4(), {_TENANT}, 'Any', 'executive', 'pdf', {_TIME}",
        _reports,
    ),
    "schedules": List(
        f"INSERT INTO scheduled_reports (id, user_id, name, type, format, is_active, created_at, updated_at) "
        f"SELECT generateUUIDv4(), {_TENANT}, concat('ä', toString(intDiv({{first}} + number, 3)), '😀'), 'executive', "
        f"'pdf', true, {_TIME}, now()",
        _schedules,
    ),
    "dead letters": List(
        f"INSERT INTO dead_letters (received_at, topic, topic_epoch, partition, offset, reason) "
        f"SELECT {_TIME}, 't', 18446744073709551615 - number % 2, number % 3, {{first}} + number, 'x'",
        _letters,
    ),
    "audit": List(
        f"INSERT INTO audit_log (sequence, happened_at, actor, action, details, hash) "
        f"SELECT number % 5, {_TIME}, 'a', 'b', '{{{{}}}}', lower(hex(SHA256(toString({{first}} + number))))",
        _audit,
    ),
    "API keys": List(
        f"INSERT INTO api_keys (id, hash, tenant, role, label, created_at) "
        f"SELECT concat('k', toString({{first}} + number)), repeat('0', 64), {_TENANT}, 'viewer', 'x', {_TIME}",
        _keys,
    ),
    "deployments": List(
        f"INSERT INTO deployments (service, version, deployed_at, user_id) "
        f"SELECT concat('s', toString(number % 5)), toString({{first}} + number), {_TIME}, {_TENANT}",
        _deployments,
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_rows_that_come_meanwhile_move_nothing_from_page_to_page(database: ClickHouseAddress, name: str) -> None:
    list_ = LISTS[name]
    with connect(database) as client:
        client.command(list_.insert.format(first=0) + " FROM numbers(100)")
        there = Counter(_all(client, list_, 1_000))
        assert len(there) == 100
        seen, more, number = Counter[Any](), None, 0
        while number == 0 or more is not None:
            page = list_.page(client, more, 7)
            seen.update(page.rows)
            more, number = page.next, number + 1
            assert len(page.rows) == 7 or more is None
            if number < 10:  # else it would never end
                client.command(list_.insert.format(first=1_000 * number) + " FROM numbers(5)")
        assert max(seen.values()) == 1
        assert there.keys() <= seen.keys()


def _all(client: Client, list_: List, limit: int) -> list[Any]:
    return list_.page(client, None, limit).rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "bnVsbA",
        cursor(Listing.REPORTS, "a"),
        cursor(Listing.REPORTS, AT, "no id"),
        cursor(Listing.REPORTS, UUID(int=1), AT),
        cursor(Listing.REPORTS, 10**18, "00" * 16),
        "_" * 500,
    ],
    ids=["empty", "x", "null", "one value", "no id", "id first", "far ahead", "long"],  # some hold the present time
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="the page before"):
        ListQuery.model_construct(cursor=text).after(Listing.REPORTS, datetime, UUID)


def test_a_cursor_of_another_list_is_refused_on_the_command_line() -> None:
    with pytest.raises(SettingsError, match=r"--after: this cursor is of the list of insights; .* of schedules"):
        after(cursor(Listing.INSIGHTS, AT, UUID(int=1)), Listing.SCHEDULES, str, UUID)


def test_a_cursor_of_another_list_with_the_same_columns_is_refused_by_the_api() -> None:
    of_insights = ListQuery(cursor=cursor(Listing.INSIGHTS, AT, UUID(int=1)))
    with pytest.raises(ApiError, match="this cursor is of the list of insights"):
        of_insights.after(Listing.REPORTS, datetime, UUID)
    assert of_insights.after(Listing.INSIGHTS, datetime, UUID)


def test_a_cursor_beside_an_offset_is_refused() -> None:
    with pytest.raises(ApiError, match="not both"):
        ListQuery(cursor=cursor(Listing.REPORTS, AT, UUID(int=1)), offset=5).after(Listing.REPORTS, datetime, UUID)


def test_a_page_of_one_fetches_one_and_counts_the_others_where_they_are(
    database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A series of a hundred thousand steps; what comes over the wire is two rows and a number."""
    fetched = []

    def watched(client: Client, sql: str, parameters: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
        rows = query_rows(client, sql, parameters, **how)
        fetched.append(len(rows))
        return rows

    with connect(database) as client:
        monkeypatch.setattr("storage.reading.query_rows", watched)
        numbers = "SELECT number AS n FROM numbers(100000) ORDER BY n DESC"
        assert ask_page(client, numbers, {}, limit=1) == ([{"n": 99_999}], 100_000)
        assert fetched == [2, 1]
        assert ask_page(client, numbers, {}, limit=2, offset=99_998) == ([{"n": 1}, {"n": 0}], 100_000)
        assert ask_page(client, numbers, {}, limit=5, offset=200_000) == ([], 100_000)
        figure = build_query(
            ["query_count"], Scope(AT, AT + timedelta(hours=1), ALL_TENANTS), ["tenant"], Interval.MINUTE
        )
        assert ask_page(client, figure.sql, figure.parameters, limit=1) == ([], 0)
