"""Authentication and limits of the API: which requests are refused, and how."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from api.keys import KeySigner, save, stored_keys
from api.roles import Role
from api.services import Configuration
from models.insights import ALL_TENANTS_ID
from storage.connection import ClickHouseAddress, connect
from tests.api_server import SECRET, serving, stored
from tests.served_api import OURS, REPORT, SCHEDULE, THEIRS, Api, refused

pytestmark = pytest.mark.stack


# Every route that asks who is there: method, path, body.
_ROUTES: Final = (
    ("GET", "/v1/dashboards/executive", None),
    ("GET", "/v1/kpis", None),
    ("GET", "/v1/kpis/csat", None),
    ("GET", "/v1/kpis/csat/explain", None),
    ("GET", "/v1/analyses", None),
    ("GET", "/v1/analyses/gaps", None),
    ("GET", "/v1/experiments", None),
    ("GET", "/v1/experiments/shopify_data", None),
    ("GET", "/v1/insights", None),
    ("GET", "/v1/reports", None),
    ("POST", "/v1/reports", REPORT),
    ("GET", f"/v1/reports/{UUID(int=9)}/file", None),
    ("GET", "/v1/schedules", None),
    ("POST", "/v1/schedules", SCHEDULE),
    ("PATCH", f"/v1/schedules/{UUID(int=9)}", {"active": False}),
    ("DELETE", f"/v1/schedules/{UUID(int=9)}", None),
    ("GET", "/v1/exports/queries", None),
)


_OF_TENANTS: Final = [
    route for route in _ROUTES if route[1] not in {"/v1/kpis", "/v1/analyses"} and "-" not in route[1]
]


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
        answer = api.call(method, path, api.sign_in.token("admin", OURS, **claims), json=body)
        refused(answer, 401, "wrong-token")
        assert words in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "body"), _ROUTES)
def test_every_route_refuses_keys_that_are_revoked_or_made_up(api: Api, method: str, path: str, body: Any) -> None:
    made_up = api.admin[:-3] + ("abc" if not api.admin.endswith("abc") else "xyz")
    for key in (api.revoked, made_up, "rmk_nothing"):
        refused(api.call(method, path, key, json=body), 401, "wrong-key")


@pytest.mark.parametrize(("method", "path", "body"), _OF_TENANTS)
def test_every_route_refuses_the_tenant_of_somebody_else(api: Api, method: str, path: str, body: Any) -> None:
    token = api.sign_in.token("analyst", OURS)
    for tenant, kind in ((str(THEIRS), "wrong-tenant"), ("all", "wrong-tenant")):
        more: dict[str, Any] = {"json": {**body, "tenant": tenant}} if body else {"params": {"tenant": tenant}}
        refused(api.call(method, path, token, **more), 403, kind)


@pytest.mark.parametrize(
    ("method", "path", "body", "role"),
    [
        ("GET", "/v1/dashboards/executive", None, "viewer"),
        ("GET", "/v1/dashboards/predictive", None, "operations"),
        ("GET", "/v1/kpis/roi", None, "viewer"),
        ("GET", "/v1/kpis/roi/explain", None, "viewer"),
        ("GET", "/v1/analyses/savings", None, "operations"),
        ("GET", "/v1/experiments", None, "operations"),
        ("GET", "/v1/experiments/shopify_data", None, "viewer"),
        ("GET", "/v1/kpis", None, "nobody"),
        ("GET", "/v1/insights?type=churn_risk", None, "operations"),
        ("GET", "/v1/reports", None, "viewer"),
        ("POST", "/v1/reports", REPORT, "viewer"),
        ("POST", "/v1/reports", REPORT, "operations"),
        ("GET", f"/v1/reports/{UUID(int=9)}/file", None, "viewer"),
        ("GET", "/v1/schedules", None, "viewer"),
        ("POST", "/v1/schedules", SCHEDULE, "operations"),
        ("PATCH", f"/v1/schedules/{UUID(int=9)}", {"active": False}, "operations"),
        ("DELETE", f"/v1/schedules/{UUID(int=9)}", None, "operations"),
        ("GET", "/v1/exports/queries", None, "executive"),
    ],
)
def test_every_route_refuses_roles_that_may_not(api: Api, method: str, path: str, body: Any, role: str) -> None:
    refused(api.call(method, path, api.sign_in.token(role, OURS), json=body), 403, "wrong-role")


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


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/health", "/v1/health/live", "/v1/health/ready", "/v1/openapi.json", "/v1/kpis", "/v1/kpis/csat"),
        *("/v1/insights?limit=2", "/v1/reports", "/v1/schedules", "/v1/exports/queries?from=2026-03-01", "/v1/nothing"),
        "/v1/kpis/csat?nonsense=1",
    ],
)
def test_head_answers_what_get_answers_without_the_body(api: Api, path: str) -> None:
    head, get = api.call("HEAD", path, api.admin), api.call("GET", path, api.admin)
    assert (head.status_code, head.content) == (get.status_code, b"")
    of_one_request = {"x-request-id", "date", "connection", "transfer-encoding", "age", "etag", "content-length"}
    assert {*head.headers.items()} >= {
        (name, value) for name, value in get.headers.items() if name not in of_one_request
    }
    assert head.headers.get("content-length", "0").isdecimal()


def test_a_body_that_is_too_large_is_not_read(api: Api) -> None:
    refused(api.call("POST", "/v1/reports", api.admin, content=b"{" + b" " * 70_000), 413, "too-large")
    chunks = (b" " * 10_000 for _ in range(8))
    refused(
        api.call("POST", "/v1/reports", api.admin, content=chunks, headers={"Content-Type": "application/json"}),
        413,
        "too-large",
    )


def test_who_asks_too_often_is_told_when_to_come_back(api: Api, tmp_path: Path) -> None:
    strict = Configuration(api.week.address, SECRET, tmp_path, requests_per_minute=10, heavy_per_minute=2)
    with serving(strict) as url:
        here = api._replace(url=url)
        answers = [here.get("/v1/kpis", api.analyst) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        refused(answers[-1], 429, "too-many")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
        assert here.get("/v1/kpis", api.admin).status_code == 200  # somebody else may
    heavy = Configuration(api.week.address, SECRET, tmp_path, requests_per_minute=600, heavy_per_minute=2)
    with serving(heavy) as url:
        here = api._replace(url=url)
        elsewhere = {"json": {**REPORT, "tenant": str(THEIRS)}}
        answers = [here.call("POST", "/v1/reports", api.analyst, **elsewhere) for _ in range(2)]
        assert [one.status_code for one in answers] == [403, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 30


def test_wrong_tokens_of_one_address_are_cut_off(api: Api, tmp_path: Path) -> None:
    with serving(Configuration(api.week.address, SECRET, tmp_path, requests_per_minute=40)) as url:
        here = api._replace(url=url)
        assert [here.get("/v1/kpis", "rmk_guess").status_code for _ in range(3)] == [401, 401, 429]
        assert here.get("/v1/kpis", api.admin).status_code == 200


def test_a_revoked_key_is_refused_by_an_api_that_runs(api: Api, tmp_path: Path) -> None:
    moment = time.time()
    running = Configuration(api.week.address, SECRET, tmp_path, clock=lambda: moment)
    key = stored(api.week.address, Role.VIEWER, OURS)
    with serving(running) as url:
        here = api._replace(url=url)
        assert here.get("/v1/kpis", key).status_code == 200
        with connect(api.week.address) as client:
            (one,) = [kept for kept in stored_keys(client, KeySigner(SECRET)) if kept.id == key.split("_")[1]]
            save(client, one._replace(revoked_at=datetime.now(UTC)), KeySigner(SECRET))
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
    with serving(Configuration(database, SECRET, tmp_path)) as url, httpx.Client(base_url=url) as client:
        answers = [
            client.get("/v1/kpis", headers={"Authorization": f"Bearer {key}"}).status_code
            for key in (good, f"rmk_{id_}_{secret}", f"rmk_{'c' * 12}_{secret}")
        ]
    assert answers == [200, 401, 401]
