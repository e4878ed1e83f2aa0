"""Responding to insights through the API: who may, what is refused, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import pytest

from api.roles import Role
from api.services import Configuration
from models.insights import ALL_TENANTS_ID
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.api_server import SECRET, serving, stored
from tests.examples.insights import TENANT, insight
from tests.worker_process import wait_for

pytestmark = pytest.mark.stack

BEGUN: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
OURS: Final = insight(started_at=BEGUN, updated_at=BEGUN, severity="warning")
THEIRS: Final = insight(started_at=BEGUN, updated_at=BEGUN, user_id=UUID(int=7))
EVERYBODYS: Final = insight(started_at=BEGUN, updated_at=BEGUN, user_id=ALL_TENANTS_ID)
LEAVING: Final = insight(started_at=BEGUN, updated_at=BEGUN, insight_type="churn_risk", kind="churn_risk")


class Api(NamedTuple):
    """The API, served over four insights, and keys for the tenant of two of them."""

    url: str
    database: ClickHouseAddress
    keys: dict[Role, str]

    def call(self, method: str, path: str, role: Role, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        return httpx.request(method, f"{self.url}/v1/insights{path}", headers=headers, json=body, timeout=30)

    def respond(self, id_: UUID, role: Role = Role.OPERATIONS, **body: Any) -> httpx.Response:
        return self.call("POST", f"/{id_}/responses", role, body)


@pytest.fixture
def api(database: ClickHouseAddress, tmp_path: Path) -> Iterator[Api]:
    ClickHouseSink(database).write("predictive_insights", insight_rows([OURS, THEIRS, EVERYBODYS, LEAVING]))
    tenants: dict[Role, tuple[UUID, ...]] = {Role.ADMIN: ()}
    keys: dict[Role, str] = {
        role: stored(database, role, *tenants.get(role, (TENANT,))) for role in Role if role is not Role.PRODUCER
    }
    with serving(Configuration(database, SECRET, tmp_path)) as url:
        yield Api(url, database, keys)


def test_a_finding_goes_from_open_to_resolved_and_its_history_says_who_did_what(api: Api) -> None:
    (listed,) = api.call("GET", "?type=performance_anomaly", Role.VIEWER).json()["insights"]
    assert listed["handling"]["status"] == "open"
    taken = api.respond(OURS.id, action="acknowledge", note="looking").json()
    assert taken["insight"]["handling"]["status"] == "acknowledged"
    assert taken["insight"]["id"] == str(OURS.id)
    assert api.respond(OURS.id, action="assign", assignee="grace").status_code == 201
    done = api.respond(OURS.id, action="resolve", verdict="real", note="token had expired")
    assert done.status_code == 201
    history = api.call("GET", f"/{OURS.id}", Role.VIEWER).json()
    assert history == done.json()
    assert [one["action"] for one in history["responses"]] == ["acknowledge", "assign", "resolve"]
    handling = history["insight"]["handling"]
    assert (handling["status"], handling["verdict"], handling["assignee"]) == ("resolved", "real", "grace")
    assert [one["kind"] for one in history["timeline"]] == ["found", "response", "response", "response"]
    assert history["timeline"][0]["text"] == "found as warning"
    assert history["timeline"][-1]["text"] == "resolve (real): token had expired"
    assert history["money_at_risk"] is None, "no conversation is known that it touched"
    audited = "SELECT object, details FROM audit_log WHERE action = 'insights.respond'"
    with connect(api.database) as client:
        wait_for(lambda: len(query_rows(client, audited, {})) == 3, 10)
        rows = query_rows(client, audited, {})
    assert all(str(TENANT) in row["details"] + row["object"] for row in rows), rows


def test_who_may_not_see_it_is_told_no_more_than_that_it_is_not_there(api: Api) -> None:
    for role in (Role.OPERATIONS, Role.EXECUTIVE, Role.ANALYST):
        for id_ in (THEIRS.id, EVERYBODYS.id, UUID(int=9)):
            refused = api.respond(id_, role, action="acknowledge")
            assert (refused.status_code, refused.json()["type"]) == (404, "urn:romashka:problem:unknown-insight")
            assert api.call("GET", f"/{id_}", role).status_code == 404
    assert api.respond(LEAVING.id, Role.OPERATIONS, action="acknowledge").status_code == 404, "not of its tabs"
    assert api.respond(LEAVING.id, Role.ANALYST, action="acknowledge").status_code == 201
    assert api.respond(OURS.id, Role.VIEWER, action="acknowledge").status_code == 403
    assert api.respond(EVERYBODYS.id, Role.ADMIN, action="acknowledge").status_code == 201


_WRONG: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({"action": "forget"}, "action"),
    ({"action": "resolve"}, "verdict"),
    ({"action": "resolve", "verdict": "perhaps"}, "verdict"),
    ({"action": "assign"}, "assignee"),
    ({"action": "snooze"}, "snoozed_until"),
    ({"action": "snooze", "snoozed_until": "2026-01-01T00:00:00"}, "snoozed_until"),
    ({"action": "snooze", "snoozed_until": "2026-01-01T00:00:00Z"}, "snoozed_until"),
    ({"action": "comment"}, "note"),
    ({"action": "comment", "note": "\x1b[2J"}, "note"),
    ({"action": "acknowledge", "by": "somebody else"}, "by"),
    ({"action": "reopen"}, "action"),
)


def test_a_wrong_response_names_its_field_and_changes_nothing(api: Api) -> None:
    for body, field in _WRONG:
        refused = api.respond(OURS.id, **body)
        assert refused.status_code in {400, 422}, refused.text
        assert [one["field"].rpartition(".")[2] for one in refused.json()["errors"]] == [field], body
    assert api.call("GET", f"/{OURS.id}", Role.VIEWER).json()["responses"] == []
