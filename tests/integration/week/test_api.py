"""The API as its clients meet it: who is refused, what is answered, and what is noted about it."""

from __future__ import annotations

import io
import json
import socket
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import pytest
import schemathesis
from clickhouse_connect.driver.client import Client
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from pyarrow import parquet
from schemathesis.checks import not_a_server_error
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_websocket
from websockets.typing import Subprotocol

from api import kpis as kpi_routes
from api.keys import KeySigner, save, stored_keys
from api.roles import Role
from api.services import Configuration
from cli import settings as cli_settings
from cli.main import app as romashka
from kpis.query import Scope, build_query
from kpis.registry import ALL as ALL_KPIS
from models.errors import RomashkaError
from models.insights import ALL_TENANTS_ID
from models.query import Query
from reports.export_tables import EXPORTABLE, Exportable
from storage.audit import OPENED, audit_key, newest, stored_rows, verify
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.tenant_names import save_name
from streams.kafka import KafkaAddress
from tests.api_server import SECRET, SignIn, serving, sign_in, stored
from tests.simulated_week import TENANTS, Week
from tests.worker_process import environment, wait_for

pytestmark = pytest.mark.stack

_SECRET: Final = SECRET
_OURS: Final = TENANTS[0].id
_THEIRS: Final = TENANTS[1].id
_REPORT: Final = {"type": "executive", "format": "json", "filters": {"time_range": "7d"}}
_SCHEDULE: Final = {
    "name": "Weekly",
    "type": "executive",
    "cron": "0 7 * * 1",
    "recipients": ["mailto:ada@example.com"],
}
# Every route that asks who is there: method, path, body.
_ROUTES: Final = (
    ("GET", "/v1/dashboards/executive", None),
    ("GET", "/v1/kpis", None),
    ("GET", "/v1/kpis/csat", None),
    ("GET", "/v1/insights", None),
    ("GET", "/v1/reports", None),
    ("POST", "/v1/reports", _REPORT),
    ("GET", f"/v1/reports/{UUID(int=9)}/file", None),
    ("GET", "/v1/schedules", None),
    ("POST", "/v1/schedules", _SCHEDULE),
    ("PATCH", f"/v1/schedules/{UUID(int=9)}", {"active": False}),
    ("DELETE", f"/v1/schedules/{UUID(int=9)}", None),
    ("GET", "/v1/exports/queries", None),
)
_OF_TENANTS: Final = [route for route in _ROUTES if route[1] != "/v1/kpis" and "-" not in route[1]]


class Api(NamedTuple):
    """The API, served, and what opens it."""

    url: str
    sign_in: SignIn
    week: Week
    admin: str
    analyst: str
    revoked: str

    def get(self, path: str, token: str, **parameters: Any) -> httpx.Response:
        return self.call("GET", path, token, params=parameters)

    def call(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        headers = ({"Authorization": f"Bearer {token}"} if token else {}) | more.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=30, **more)


@pytest.fixture(scope="module")
def api(week: Week, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    admin, analyst = stored(week.address, Role.ADMIN), stored(week.address, Role.ANALYST, _OURS)
    revoked = stored(week.address, Role.ADMIN, revoked=True)
    with sign_in() as service:
        configuration = Configuration(
            week.address,
            _SECRET,
            tmp_path_factory.mktemp("reports"),
            provider=service.provider,
            requests_per_minute=600_000,
            heavy_per_minute=600_000,
        )
        with serving(configuration) as url:
            yield Api(url, service, week, admin, analyst, revoked)


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["type"]) == (status, status, f"urn:romashka:problem:{kind}")
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "body"), _ROUTES)
def test_every_route_refuses_who_does_not_say_who_they_are(api: Api, method: str, path: str, body: Any) -> None:
    refused(api.call(method, path, "", json=body), 401, "no-token")


@pytest.mark.parametrize(("method", "path", "body"), _ROUTES)
def test_every_route_refuses_a_token_that_does_not_hold(api: Api, method: str, path: str, body: Any) -> None:
    now = int(datetime.now(UTC).timestamp())
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    wrong: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 60},
        "not valid yet": {"nbf": now + 600},
        "aud": {"aud": "another service"},
        "iss": {"iss": "https://elsewhere.example.com/"},
        "signature": {"key": stranger},
        "no such key": {"kid": "unknown"},
        "UUIDs": {"romashka_tenants": ["no id"]},
    }
    for words, claims in wrong.items():
        answer = api.call(method, path, api.sign_in.token("admin", _OURS, **claims), json=body)
        refused(answer, 401, "wrong-token")
        assert words in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "body"), _ROUTES)
def test_every_route_refuses_keys_that_are_revoked_or_made_up(api: Api, method: str, path: str, body: Any) -> None:
    made_up = api.admin[:-3] + ("abc" if not api.admin.endswith("abc") else "xyz")
    for key in (api.revoked, made_up, "rmk_nothing"):
        refused(api.call(method, path, key, json=body), 401, "wrong-key")


@pytest.mark.parametrize(("method", "path", "body"), _OF_TENANTS)
def test_every_route_refuses_the_tenant_of_somebody_else(api: Api, method: str, path: str, body: Any) -> None:
    token = api.sign_in.token("analyst", _OURS)
    for tenant, kind in ((str(_THEIRS), "wrong-tenant"), ("all", "wrong-tenant")):
        more: dict[str, Any] = {"json": {**body, "tenant": tenant}} if body else {"params": {"tenant": tenant}}
        refused(api.call(method, path, token, **more), 403, kind)


@pytest.mark.parametrize(
    ("method", "path", "body", "role"),
    [
        ("GET", "/v1/dashboards/executive", None, "viewer"),
        ("GET", "/v1/dashboards/predictive", None, "operations"),
        ("GET", "/v1/kpis/roi", None, "viewer"),
        ("GET", "/v1/kpis", None, "nobody"),
        ("GET", "/v1/insights?type=churn_risk", None, "operations"),
        ("GET", "/v1/reports", None, "viewer"),
        ("POST", "/v1/reports", _REPORT, "viewer"),
        ("POST", "/v1/reports", _REPORT, "operations"),
        ("GET", f"/v1/reports/{UUID(int=9)}/file", None, "viewer"),
        ("GET", "/v1/schedules", None, "viewer"),
        ("POST", "/v1/schedules", _SCHEDULE, "operations"),
        ("PATCH", f"/v1/schedules/{UUID(int=9)}", {"active": False}, "operations"),
        ("DELETE", f"/v1/schedules/{UUID(int=9)}", None, "operations"),
        ("GET", "/v1/exports/queries", None, "executive"),
    ],
)
def test_every_route_refuses_roles_that_may_not(api: Api, method: str, path: str, body: Any, role: str) -> None:
    refused(api.call(method, path, api.sign_in.token(role, _OURS), json=body), 403, "wrong-role")


def test_a_dashboard_has_the_numbers_of_the_command_line(api: Api) -> None:
    week = api.week
    times = {"from": week.start.isoformat(), "to": week.end.isoformat()}
    answer = api.get("/v1/dashboards/executive", api.analyst, **times)
    assert answer.json()["uncounted"] == ""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    shown: dict[str, Any] = {}
    for panel in body["panels"]:
        if panel["picture"] == "stat":
            shown |= panel["answers"]["A"]["rows"][0]
    shown = {id_: value for id_, value in shown.items() if id_ in ALL_KPIS}
    assert len(shown) == 9
    scope = Scope(week.start, week.end, _OURS)
    with connect(week.address) as client:
        (row,) = query_rows(client, *build_query(list(shown), scope))
    assert shown == {id_: None if row[id_] is None else pytest.approx(float(row[id_])) for id_ in shown}
    for id_ in ("durable_resolution_rate", "csat", "net_savings"):
        one = api.get(f"/v1/kpis/{id_}", api.analyst, **times).json()
        assert one["values"][0]["value"] == shown[id_]
        assert one["tenant"] == body["tenant"] == str(_OURS)


def test_other_tabs_answer_and_says_what_its_columns_are(api: Api) -> None:
    times = {"from": (api.week.end - timedelta(days=1)).isoformat(), "to": api.week.end.isoformat()}
    for tab in ("health", "conversations", "realtime"):
        answer = api.get(f"/v1/dashboards/{tab}", api.admin, **times)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["tenant"] == "all"
        assert all(panel["title"] and panel["no_data"] and panel["answers"] for panel in body["panels"])
        assert any(panel["columns"] for panel in body["panels"])


def test_an_answer_that_is_known_already_is_not_sent_again(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat(), "panel": 10}
    first = api.get("/v1/dashboards/executive", api.analyst, **times)
    again = api.call(
        "GET", "/v1/dashboards/executive", api.analyst, params=times, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = api.call(
        "GET", "/v1/dashboards/executive", api.admin, params=times, headers={"If-None-Match": first.headers["etag"]}
    )
    assert other.status_code == 200


def test_a_tenant_is_named_beside_its_id_and_nothing_stands_for_a_name_that_is_not_set(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat()}
    with connect(api.week.address) as client:
        save_name(client, _OURS, "Acme GmbH", api.week.end)
    ours = api.get("/v1/kpis/csat", api.admin, **times, tenant=str(_OURS)).json()
    assert (ours["tenant"], ours["tenant_name"]) == (str(_OURS), "Acme GmbH")
    split = api.get("/v1/kpis/csat", api.admin, **times, tenant="all", by="tenant").json()
    assert (split["tenant"], split["tenant_name"]) == ("all", None)
    names = {value["part"]["tenant"]: value["part"]["tenant_name"] for value in split["values"]}
    assert names[str(_OURS)] == "Acme GmbH"
    assert names[str(_THEIRS)] is None
    tab = api.get("/v1/dashboards/health", api.admin, **times, tenant=str(_OURS), panel=11).json()
    assert (tab["tenant"], tab["tenant_name"]) == (str(_OURS), "Acme GmbH")
    rows = tab["panels"][0]["answers"]["A"]["rows"]
    assert {(row["tenant"], row["tenant_id"]) for row in rows} == {("Acme GmbH", str(_OURS))}


def test_rows_come_in_pages_that_make_up_the_whole(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat(), "by": "provider"}
    whole = api.get("/v1/kpis/query_count", api.analyst, **times).json()
    assert whole["next_offset"] is None
    assert whole["uncounted"] == ""
    found: list[Any] = []
    offset: int | None = 0
    while offset is not None:
        page = api.get("/v1/kpis/query_count", api.analyst, **times, limit=2, offset=offset).json()
        found += page["values"]
        offset = page["next_offset"]
    assert found == whole["values"]
    assert len(found) > 2
    table = {"panel": 24, "limit": 2, "from": times["from"], "to": times["to"]}
    rows = api.get("/v1/dashboards/health", api.analyst, **table).json()["panels"][0]["answers"]["A"]
    assert (len(rows["rows"]), rows["next_offset"], rows["total"]) == (2, 2, len(found))


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        ("/v1/dashboards/executive", {"form": "2026-01-01"}, "form"),
        ("/v1/dashboards/executive", {"provider": "shopify"}, "provider"),
        ("/v1/dashboards/executive", {"from": "yesterday"}, "from"),
        ("/v1/dashboards/executive", {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ("/v1/dashboards/executive", {"from": "2020-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ("/v1/dashboards/executive", {"tenant": "me"}, "tenant"),
        ("/v1/dashboards/nothing", {}, "tab"),
        ("/v1/kpis/csat", {"by": "moon"}, "by"),
        ("/v1/kpis/csat", {"every": "minute", "from": "2026-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}, "every"),
        ("/v1/insights", {"type": "rumour"}, "type"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(api: Api, path: str, parameters: Any, field: str) -> None:
    answer = api.get(path, api.admin, **parameters)
    refused(answer, 422, "wrong-value")
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_what_detectors_found_is_listed_for_those_who_may_see_it(api: Api) -> None:
    since = {"from": api.week.start.isoformat(), "to": (api.week.end + timedelta(hours=1)).isoformat()}
    ours = api.get("/v1/insights", api.analyst, **since).json()["insights"]
    everybodys = api.get("/v1/insights", api.admin, **since).json()["insights"]
    assert ours
    assert {one["user_id"] for one in ours} == {str(_OURS)}
    assert len(everybodys) > len(ours)


def test_a_report_is_made_listed_and_fetched(api: Api) -> None:
    made = api.call("POST", "/v1/reports", api.analyst, json=_REPORT)
    assert made.status_code == 201, made.text
    listed = api.get("/v1/reports", api.analyst).json()["reports"]
    assert made.json() in listed
    assert (made.json()["type"], made.json()["format"]) == ("executive", "json")
    fetched = api.get(made.json()["file"], api.analyst)
    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "application/json"
    assert len(fetched.content) == made.json()["size_bytes"]
    assert json.loads(fetched.content)
    refused(api.get(made.json()["file"], api.sign_in.token("analyst", _THEIRS)), 404, "unknown-report")
    refused(api.get(made.json()["file"], api.sign_in.token("operations", _OURS)), 404, "unknown-report")


def test_a_schedule_is_added_paused_and_removed_by_whose_it_is(api: Api) -> None:
    executive, stranger = api.sign_in.token("executive", _OURS), api.sign_in.token("executive", _THEIRS)
    added = api.call("POST", "/v1/schedules", executive, json=_SCHEDULE)
    assert added.status_code == 201, added.text
    place = f"/v1/schedules/{added.json()['id']}"
    assert api.get("/v1/schedules", executive).json()["schedules"] == [added.json()]
    assert api.get("/v1/schedules", stranger).json()["schedules"] == []
    refused(api.call("PATCH", place, stranger, json={"active": False}), 404, "unknown-schedule")
    refused(api.call("DELETE", place, stranger), 404, "unknown-schedule")
    paused = api.call("PATCH", place, executive, json={"active": False}).json()
    assert (paused["active"], paused["next"], paused["state"]) == (False, None, "paused")
    assert api.get("/v1/schedules", executive).json()["schedules"] == [paused]
    webhook = {**_SCHEDULE, "recipients": ["https://elsewhere.example.com/hook"]}
    refused(api.call("POST", "/v1/schedules", executive, json=webhook), 422, "wrong-value")
    assert api.call("DELETE", place, executive).status_code == 204
    assert api.get("/v1/schedules", executive).json()["schedules"] == []


def test_an_export_is_the_rows_of_the_tenant_as_a_file(api: Api) -> None:
    times = {"from": api.week.start.isoformat(), "to": api.week.end.isoformat()}
    answer = api.get("/v1/exports/queries", api.analyst, format="parquet", **times)
    assert answer.status_code == 200, answer.text
    assert "queries-" in answer.headers["content-disposition"]
    table = parquet.read_table(io.BytesIO(answer.content))
    counted = api.get("/v1/kpis/query_count", api.analyst, **times).json()["values"][0]["value"]
    assert table.num_rows == counted
    assert set(table["user_id"].to_pylist()) == {str(_OURS)}
    assert "customer_id" not in table.column_names
    figure = api.get("/v1/exports/csat", api.analyst, by="provider", **times).text.splitlines()
    assert figure[0].startswith('"provider"') or figure[0].startswith("provider")
    refused(api.get("/v1/exports/api_keys", api.admin), 404, "unknown-table")
    refused(api.get("/v1/exports/queries", api.analyst, by="provider"), 422, "wrong-value")


# Rows of an hour ago, of which the database finds ten in a second.
_SLOW: Final = f"""(SELECT toUUID('{_OURS}') AS user_id, now64(3, 'UTC') - INTERVAL 1 HOUR AS created_at
FROM numbers(600) WHERE sleepEachRow(0.1) = 0 SETTINGS max_block_size = 1)"""
_SLOW_NOW: Final = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%proc%'"


@pytest.mark.parametrize("path", ["/v1/exports/health", "/v1/kpis/query_count"])
def test_a_question_of_somebody_who_has_gone_is_not_worked_on(
    quiet: tuple[str, ClickHouseAddress], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    slow = Exportable("Slow", _SLOW, "created_at", ("user_id", "created_at"))
    monkeypatch.setitem(EXPORTABLE, "health", slow)
    monkeypatch.setattr(kpi_routes, "build_query", lambda *_: Query(f"SELECT count() FROM {_SLOW}", {}))
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


def test_health_needs_no_token_and_every_answer_has_security_headers(api: Api) -> None:
    for path in ("/v1/health", "/v1/health/live", "/v1/health/ready", "/v1/openapi.json", "/v1/nothing"):
        answer = api.call("GET", path, "", headers={"Origin": "https://elsewhere.example.com"})
        assert answer.status_code == (401 if path.endswith("nothing") else 200)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers["x-request-id"]) == 32
        assert "access-control-allow-origin" not in answer.headers
    named = api.call("GET", "/v1/kpis", api.admin, headers={"X-Request-ID": "mine-1"})
    assert named.headers["x-request-id"] == "mine-1"


def test_a_body_that_is_too_large_is_not_read(api: Api) -> None:
    refused(api.call("POST", "/v1/reports", api.admin, content=b"{" + b" " * 70_000), 413, "too-large")
    chunks = (b" " * 10_000 for _ in range(8))
    refused(
        api.call("POST", "/v1/reports", api.admin, content=chunks, headers={"Content-Type": "application/json"}),
        413,
        "too-large",
    )


def test_who_asks_too_often_is_told_when_to_come_back(api: Api, tmp_path: Path) -> None:
    strict = Configuration(api.week.address, _SECRET, tmp_path, requests_per_minute=10, heavy_per_minute=2)
    with serving(strict) as url:
        here = api._replace(url=url)
        answers = [here.get("/v1/kpis", api.analyst) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        refused(answers[-1], 429, "too-many")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
        assert here.get("/v1/kpis", api.admin).status_code == 200  # somebody else may
    heavy = Configuration(api.week.address, _SECRET, tmp_path, requests_per_minute=600, heavy_per_minute=2)
    with serving(heavy) as url:
        here = api._replace(url=url)
        elsewhere = {"json": {**_REPORT, "tenant": str(_THEIRS)}}
        answers = [here.call("POST", "/v1/reports", api.analyst, **elsewhere) for _ in range(2)]
        assert [one.status_code for one in answers] == [403, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 30


def test_wrong_tokens_of_one_address_are_cut_off(api: Api, tmp_path: Path) -> None:
    with serving(Configuration(api.week.address, _SECRET, tmp_path, requests_per_minute=40)) as url:
        here = api._replace(url=url)
        assert [here.get("/v1/kpis", "rmk_guess").status_code for _ in range(3)] == [401, 401, 429]
        assert here.get("/v1/kpis", api.admin).status_code == 200


def test_a_revoked_key_is_refused_by_an_api_that_runs(api: Api, tmp_path: Path) -> None:
    moment = time.time()
    running = Configuration(api.week.address, _SECRET, tmp_path, clock=lambda: moment)
    key = stored(api.week.address, Role.VIEWER, _OURS)
    with serving(running) as url:
        here = api._replace(url=url)
        assert here.get("/v1/kpis", key).status_code == 200
        with connect(api.week.address) as client:
            (one,) = [kept for kept in stored_keys(client, KeySigner(_SECRET)) if kept.id == key.split("_")[1]]
            save(client, one._replace(revoked_at=datetime.now(UTC)), KeySigner(_SECRET))
        moment += 6
        refused(here.get("/v1/kpis", key), 401, "wrong-key")


def test_a_key_that_was_put_into_the_table_opens_nothing_and_one_of_no_role_shuts_nobody_out(
    database: ClickHouseAddress, tmp_path: Path
) -> None:
    good = stored(database, Role.ADMIN)
    id_, secret = "a" * 12, "b" * 43
    with connect(database) as client:
        for one, role in ((id_, "admin"), ("c" * 12, "emperor")):
            client.command(
                "INSERT INTO api_keys (id, hash, tenant, role, label, created_at) VALUES "
                f"('{one}', '{sha256(secret.encode()).hexdigest()}', '{ALL_TENANTS_ID}', '{role}', 'x', now64(3))"
            )
    with serving(Configuration(database, _SECRET, tmp_path)) as url, httpx.Client(base_url=url) as client:
        answers = [
            client.get("/v1/kpis", headers={"Authorization": f"Bearer {key}"}).status_code
            for key in (good, f"rmk_{id_}_{secret}", f"rmk_{'c' * 12}_{secret}")
        ]
    assert answers == [200, 401, 401]


def test_every_access_is_in_the_audit_log_and_a_change_of_it_is_seen(api: Api, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    with serving(Configuration(api.week.address, _SECRET, tmp_path)) as url:
        here = api._replace(url=url)
        here.get("/v1/kpis/csat", api.analyst, country="DE")
        here.get("/v1/kpis/csat", api.analyst, tenant=str(_THEIRS))
        here.get("/v1/kpis", "rmk_guess")
    with connect(api.week.address) as client:
        rows = [row for row in newest(client, before).rows if row.action != OPENED]
        everything = list(stored_rows(client))
    noted = {(row.actor.split(":")[0], row.action, row.object, row.outcome) for row in rows}
    assert ("key", "kpis.read", "GET /v1/kpis/csat?country=DE", "200") in noted
    assert ("key", "kpis.read", f"GET /v1/kpis/csat?tenant={_THEIRS}", "403") in noted
    assert ("nobody", "request", "GET /v1/kpis", "401") in noted
    assert all(api.analyst not in row.details + row.object for row in everything)
    key = audit_key(_SECRET)
    assert verify(everything, key).faults == []
    place = next(index for index, row in enumerate(everything) if row.outcome == "403")
    changed = [row._replace(outcome="200") if index == place else row for index, row in enumerate(everything)]
    assert "was changed" in verify(changed, key).faults[0].what


def test_verify_finds_a_row_that_was_changed_in_the_table(
    database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environment(KafkaAddress("127.0.0.1:9"), database, "none").items():
        if name.startswith("ROMASHKA_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROMASHKA_AUDIT_HEADS_FILE", str(tmp_path / "heads.jsonl"))
    cli_settings.settings.cache_clear()
    run = CliRunner()
    added = run.invoke(romashka, ["api", "key", "add", "admin", "--label", "first"])
    assert added.exit_code == 0, added.output
    key = added.stdout.strip().splitlines()[-1].split("_")[1]
    assert run.invoke(romashka, ["api", "key", "revoke", key]).exit_code == 0
    (listed,) = json.loads(run.invoke(romashka, ["api", "key", "list", "--format", "json"]).stdout)
    assert (listed["id"], listed["label"], listed["revoked"] == "-") == (key, "first", False)
    verified = run.invoke(romashka, ["audit", "verify"])
    assert verified.exit_code == 0, verified.output
    assert "6 rows in 2 chains" in verified.output
    assert "key.revoke" in run.invoke(romashka, ["audit", "list"], env={"COLUMNS": "200"}).output
    with connect(database) as client:
        client.command(
            "ALTER TABLE audit_log UPDATE object = 'key:other' WHERE action = 'key.revoke' SETTINGS mutations_sync = 1"
        )
    changed = run.invoke(romashka, ["audit", "verify"])
    assert isinstance(changed.exception, RomashkaError)
    assert "what it says was changed" in changed.output
    with connect(database) as client:
        client.command("TRUNCATE TABLE audit_log")
    emptied = run.invoke(romashka, ["audit", "verify"])
    assert isinstance(emptied.exception, RomashkaError)
    assert "was published outside" in emptied.output
    monkeypatch.delenv("ROMASHKA_AUDIT_HEADS_FILE")
    cli_settings.settings.cache_clear()
    assert "is empty" in str(run.invoke(romashka, ["audit", "verify"]).exception)
    cli_settings.settings.cache_clear()


@pytest.fixture
def quiet(database: ClickHouseAddress, tmp_path: Path) -> Iterator[tuple[str, ClickHouseAddress]]:
    """An API on a database without a worker."""
    plenty = Configuration(database, _SECRET, tmp_path, requests_per_minute=600_000, heavy_per_minute=600_000)
    with serving(plenty) as url:
        yield url.replace("http", "ws") + "/v1/live", database


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
    key = stored(address, Role.VIEWER, _OURS)
    with connect(address) as client:
        health(client, _OURS, "healthy")
        health(client, _THEIRS, "failed")
        with open_websocket(url, additional_headers={"Authorization": f"Bearer {key}"}) as live:
            first = json.loads(live.recv(10))
            assert (first["type"], first["tenant"], first["state"]) == ("status", str(_OURS), "healthy")
            began = time.monotonic()
            health(client, _OURS, "failed")
            change = json.loads(live.recv(10))
            assert time.monotonic() - began < 2  # the promise itself
            assert (change["before"], change["state"], change["sync_status"]) == ("healthy", "degraded", "failed")


def test_a_browser_says_who_it_is_by_a_protocol_and_others_are_refused(quiet: tuple[str, ClickHouseAddress]) -> None:
    url, address = quiet
    key = stored(address, Role.VIEWER, _OURS)
    with open_websocket(url, subprotocols=[Subprotocol("romashka.v1"), Subprotocol(f"bearer.{key}")]) as live:
        assert live.subprotocol == "romashka.v1"
    for headers, more, status in (
        ({}, "", 401),
        ({"Authorization": "Bearer rmk_guess"}, "", 401),
        ({"Authorization": f"Bearer {key}"}, f"?tenant={_THEIRS}", 403),
        ({"Authorization": f"Bearer {key}"}, "?tenat=1", 422),
    ):
        with pytest.raises(InvalidStatus) as denied, open_websocket(url + more, additional_headers=headers):
            pass
        assert denied.value.response.status_code == status
        assert json.loads(denied.value.response.body)["status"] == status


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
