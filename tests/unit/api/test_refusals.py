"""Every parameter and every field of a body, with values that cannot be used: the refusal names it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import Mock
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.identity import Identity
from api.roles import Role
from api.services import Configuration, Services
from kpis.scope import ALL_TENANTS
from models.errors import InvalidRequest, Unreachable
from reports.request import ReportFormat, ReportType
from reports.schedule import Schedule
from reports.schedule_limits import DEFAULT_LIMITS
from storage.connection import ClickHouseAddress

_CONFIGURATION: Final = Configuration(
    ClickHouseAddress("http://127.0.0.1:1", "none"),
    b"0" * 32,
    Path("nowhere"),
    requests_per_minute=10_000_000,
    heavy_per_minute=10_000_000,
)
_ID: Final = str(UUID(int=5))
_WRONG: Final = ("\x00", "x" * 10_000, "no such thing!", "-1", "1e99")
_WRONG_IN_BODIES: Final[tuple[Any, ...]] = (*_WRONG, -1, 7.5, [], ["\x00"], {"no": "such"}, None)
_PATHS: Final = {"id": _ID, "what": "queries", "name": "executive", "panel": "1", "format": "csv"}
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "/v1/schedules": {
        "tenant": _ID,
        "name": "Weekly",
        "type": "executive",
        "cron": "0 7 * * 1",
        "recipients": ["mailto:ada@example.com"],
    },
    "/v1/schedules/{id}": {"active": True},
    "/v1/reports": {"tenant": _ID, "type": "executive"},
}


class _Field(NamedTuple):
    """A parameter or a field of a body of one route."""

    method: str
    path: str
    place: str
    name: str


def _document() -> dict[str, Any]:
    return create_app(_CONFIGURATION).openapi()


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _fields() -> Iterator[_Field]:
    document = _document()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "header":
                    continue  # a header that means nothing is as good as none
                yield _Field(method, path, parameter["in"], parameter["name"])
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            for name in _resolved(document, body).get("properties", {}) if body else ():
                yield _Field(method, path, "body", name)


async def _away(_: object) -> Any:
    raise Unreachable("there is no database here")


def _app() -> FastAPI:
    """The API for an administrator whose key is known, without a database."""
    app = create_app(_CONFIGURATION)
    services = Services(_CONFIGURATION)
    admin = Identity("admin", "admin", frozenset(Role), frozenset())

    async def identity(_: str) -> Identity:
        return admin

    services.ring = Mock(identity=identity)
    services.trail = Mock()
    services.pool.close()
    services.heavy_pool.close()
    services.pool = services.heavy_pool = Mock(run=_away)
    app.state.services = services
    return app


async def _answers(client: httpx.AsyncClient, field: _Field) -> list[httpx.Response]:
    answers = []
    for value in _WRONG_IN_BODIES if field.place == "body" else _WRONG:
        url = field.path
        for name, given in {**_PATHS, **({field.name: value} if field.place == "path" else {})}.items():
            url = url.replace(f"{{{name}}}", quote(str(given), safe=""))
        query = {field.name: value} if field.place == "query" else {}
        body = _BODIES.get(field.path, {}) | ({field.name: value} if field.place == "body" else {})
        content = json.dumps(body) if field.method in {"post", "patch"} else None
        sent = {"Content-Type": "application/json"} if content else {}
        answers.append(await client.request(field.method, url, params=query, content=content, headers=sent))
    return answers


async def _all_answers(fields: Sequence[_Field]) -> list[list[httpx.Response]]:
    transport = httpx.ASGITransport(_app(), raise_app_exceptions=False)
    headers = {"Authorization": "Bearer rmk_x"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        return [await _answers(client, field) for field in fields]


def test_every_refusal_of_every_value_names_the_field() -> None:
    fields = list(_fields())
    assert len(fields) > 60
    unnamed, unrefused = [], []
    for field, answers in zip(fields, asyncio.run(_all_answers(fields)), strict=True):
        refusals = [answer.json() for answer in answers if answer.status_code == 422]
        unnamed += [(field, problem) for problem in refusals if not problem["errors"]]
        assert all(answer.status_code < 500 or answer.status_code == 503 for answer in answers), field
        # Words, no regular expression.
        assert not any("match" in answer.text or "^[" in answer.text for answer in answers), field
        names = {error["field"].split(".")[0] for problem in refusals for error in problem["errors"]}
        if field.name not in names and not any(answer.status_code in {400, 404} for answer in answers):
            unrefused.append(field)
    assert unnamed == []
    assert unrefused == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/kpis/csat?provider=hubspot&provider=shopify", "provider"),
        ("/v1/kpis/csat?from=2026-11-01&from=2026-11-02", "from"),
        ("/v1/insights?type=churn_risk&type=kpi_change", "type"),
        ("/v1/dashboards/executive?by=country&tenant=all&tenant=all", "tenant"),
        (f"/v1/exports/queries?format=csv&tenant={_ID}&tenant={UUID(int=6)}", "tenant"),
        ("/v1/schedules?limit=1&limit=200", "limit"),
    ],
)
def test_a_parameter_of_one_value_that_is_given_twice_is_refused(path: str, name: str) -> None:
    """Only the last had an effect: figures of one integration were taken for those of two."""
    answer = asyncio.run(_answer(path))
    assert answer.status_code == 422
    assert answer.json()["detail"] == f"{name}: is given more than once; expected one value"


def test_a_parameter_of_several_values_may_be_given_again() -> None:
    answer = asyncio.run(_answer("/v1/kpis/csat?by=country&by=channel"))
    assert answer.status_code == 503  # as far as the database, which is not there


async def _answer(path: str) -> httpx.Response:
    transport = httpx.ASGITransport(_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return await client.get(path, headers={"Authorization": "Bearer rmk_x"})


@pytest.mark.parametrize(
    ("cron", "fine"),
    [
        ("* * * * *", False),
        ("*/5 * * * *", False),
        ("*/15 * * * *", True),
        ("0 7 * * 1", True),
        ("0,1 7 1 * *", False),
        ("59 23 * * 0", True),
        ("0 0 29 2 *", True),
        ("0,59 12 * * *", True),
        ("50 23,0 * * *", True),
    ],
)
def test_a_schedule_may_not_fire_too_often(cron: str, fine: bool) -> None:
    now = datetime(2026, 3, 2, 7, 0, 30, tzinfo=UTC)
    schedule = Schedule(
        ALL_TENANTS,
        "x",
        ReportType.EXECUTIVE,
        ReportFormat.CSV,
        cron,
        "Europe/Berlin",
        ("mailto:a@b.example",),
        now,
        now,
    )
    if fine:
        DEFAULT_LIMITS.check(schedule, [])
    else:
        with pytest.raises(InvalidRequest, match="comes again after") as refused:
            DEFAULT_LIMITS.check(schedule, [])
        assert refused.value.field == "cron"


@pytest.mark.parametrize(
    ("body", "media_type", "status", "detail"),
    [
        (
            b'{"type": "executive"}',
            "text/plain",
            422,
            "expected a JSON object, sent with Content-Type: application/json",
        ),
        (b"[]", "application/json", 422, "expected a JSON object"),
        (b'{"name": "\xe9"}', "application/json", 400, "not JSON in UTF-8"),
        (b"[" * 50_000, "application/json", 400, "nested too deeply"),
        (b"\x1f\x8b\x08\x00", "application/json", 400, "without compression"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_what_to_send(
    body: bytes, media_type: str, status: int, detail: str
) -> None:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(_app(), raise_app_exceptions=False)
        headers = {"Authorization": "Bearer rmk_x", "Content-Type": media_type}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            return await client.post("/v1/reports", content=body)

    found = asyncio.run(answer())
    assert found.status_code == status
    assert detail in found.json()["detail"]
