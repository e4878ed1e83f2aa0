"""The live view, clients that disconnect, and every request that the OpenAPI document allows."""

from __future__ import annotations

import json
import socket
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
import schemathesis
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_websocket
from websockets.typing import Subprotocol

from api import kpis as kpi_routes
from api.roles import Role
from models.query import Query
from reports.export_tables import EXPORTABLE, Exportable
from storage.audit import newest
from storage.connection import ClickHouseAddress, connect
from tests.api_server import stored
from tests.served_api import OURS, THEIRS
from tests.worker_process import wait_for

pytestmark = pytest.mark.stack

# Rows of an hour ago, of which the database finds ten in a second.
_SLOW: Final = f"""(SELECT toUUID('{OURS}') AS user_id, now64(3, 'UTC') - INTERVAL 1 HOUR AS created_at
FROM numbers(600) WHERE sleepEachRow(0.1) = 0 SETTINGS max_block_size = 1)"""


_SLOW_NOW: Final = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%proc%'"


@pytest.mark.parametrize("path", ["/v1/exports/health", "/v1/kpis/query_count"])
def test_a_question_of_somebody_who_has_gone_is_not_worked_on(
    quiet: tuple[str, ClickHouseAddress], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    slow = Exportable("Slow", _SLOW, "created_at", ("user_id", "created_at"))
    monkeypatch.setitem(EXPORTABLE, "health", slow)
    monkeypatch.setattr(kpi_routes, "figures_query", lambda *_: Query(f"SELECT count() FROM {_SLOW}", {}))
    url, address = httpx.URL(quiet[0]), quiet[1]
    key = stored(address, Role.ADMIN)
    with connect(address) as client:

        def works() -> bool:
            return bool(client.query(_SLOW_NOW).result_rows[0][0])

        with socket.create_connection((url.host, url.port)) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            wait_for(works, 30)
        wait_for(lambda: not works(), 30)
        wait_for(lambda: any(row.outcome == "499" for row in newest(client, datetime(2026, 1, 1, tzinfo=UTC)).rows), 30)


def health(client: Client, tenant: UUID, sync_status: str) -> None:
    now = datetime.now(UTC)
    row = {
        "event_id": uuid.uuid4(),
        "user_id": tenant,
        "created_at": now,
        "integration_provider": "shopify",
        "sync_status": sync_status,
    }
    client.insert("integration_health_metrics", [list(row.values())], column_names=list(row))


def test_a_status_change_is_seen_within_two_seconds(quiet: tuple[str, ClickHouseAddress]) -> None:
    url, address = quiet
    key = stored(address, Role.VIEWER, OURS)
    with connect(address) as client:
        health(client, OURS, "healthy")
        health(client, THEIRS, "failed")
        with open_websocket(url, additional_headers={"Authorization": f"Bearer {key}"}) as live:
            first = json.loads(live.recv(10))
            assert (first["type"], first["tenant"], first["state"]) == ("status", str(OURS), "healthy")
            began = time.monotonic()
            health(client, OURS, "failed")
            change = json.loads(live.recv(10))
            assert time.monotonic() - began < 2  # the promise itself
            assert (change["before"], change["state"], change["sync_status"]) == ("healthy", "degraded", "failed")


def test_a_browser_says_who_it_is_by_a_protocol_and_others_are_refused(quiet: tuple[str, ClickHouseAddress]) -> None:
    url, address = quiet
    key = stored(address, Role.VIEWER, OURS)
    with open_websocket(url, subprotocols=[Subprotocol("romashka.v1"), Subprotocol(f"bearer.{key}")]) as live:
        assert live.subprotocol == "romashka.v1"
    for headers, more, status in (
        ({}, "", 401),
        ({"Authorization": "Bearer rmk_guess"}, "", 401),
        ({"Authorization": f"Bearer {key}"}, f"?tenant={THEIRS}", 403),
        ({"Authorization": f"Bearer {key}"}, "?tenat=1", 422),
    ):
        with pytest.raises(InvalidStatus) as denied, open_websocket(url + more, additional_headers=headers):
            pass
        assert denied.value.response.status_code == status
        assert json.loads(denied.value.response.body)["status"] == status


@pytest.mark.long
def test_nothing_that_the_openapi_document_allows_is_an_error_of_ours(quiet: tuple[str, ClickHouseAddress]) -> None:
    url, address = quiet[0].replace("ws", "http", 1).removesuffix("/v1/live"), quiet[1]
    key = stored(address, Role.ADMIN)
    document = httpx.get(url + "/v1/openapi.json").json()
    tried = set()
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()  # type: ignore[union-attr] # an error has none, and fails the test

        @given(case=operation.as_strategy())
        @hypothesis_settings(
            max_examples=1 if operation.label == "POST /v1/reports" else 6,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: schemathesis.Case[Any]) -> None:
            if isinstance(case.body, dict) and "format" in case.body and "/reports" in case.path:
                case.body |= {"format": "json", "template_config": {"include_charts": False}}  # pages take their time
            answer = case.call(base_url=url, timeout=60, headers={"Authorization": f"Bearer {key}"})
            case.validate_response(answer, checks=[not_a_server_error])
            tried.add((case.method, case.path))

        holds()
    assert len(tried) == sum(len(methods) for methods in document["paths"].values())
