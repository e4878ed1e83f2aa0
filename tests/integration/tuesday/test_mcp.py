"""The MCP server as agents meet it: the official client, over HTTP and over standard input and output."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from typer.testing import CliRunner

from api.mcp.server import with_mcp
from api.roles import Role
from api.services import Configuration
from cli.main import app as romashka
from cli.settings import settings
from storage.connection import connect
from storage.reading import query_rows
from streams.kafka import KafkaAddress
from tests.api_server import SECRET, serving, sign_in, stored
from tests.mcp_tools import TOOLS
from tests.simulated_tuesday import PROVIDER, Tuesday
from tests.worker_process import ROMASHKA, environment, wait_for

pytestmark = pytest.mark.stack

RATE: Final = "durable_resolution_rate"


class Served(NamedTuple):
    """The API with its MCP endpoint, and keys that open it."""

    url: str
    tuesday: Tuesday
    analyst: str
    viewer: str
    revoked: str
    token: str

    def get(self, path: str, key: str, **parameters: Any) -> Any:
        answer = httpx.get(self.url + path, params=parameters, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def message(self, key: str = "", **headers: str) -> httpx.Response:
        """Send a message as the protocol has it, without the client."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        accepted = {
            "Accept": "application/json, text/event-stream",
            **({"Authorization": f"Bearer {key}"} if key else {}),
        }
        return httpx.post(f"{self.url}/mcp", json=body, headers={**accepted, **headers}, timeout=30)


@pytest.fixture(scope="module")
def served(tuesday: Tuesday, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    address = tuesday.address
    keys = stored(address, Role.ANALYST, tuesday.tenant), stored(address, Role.VIEWER, tuesday.tenant)
    revoked = stored(address, Role.ADMIN, revoked=True)
    # One report a minute, so that the stricter limit can be met; questions are not limited.
    with sign_in() as service:
        configuration = Configuration(
            address,
            SECRET,
            tmp_path_factory.mktemp("reports"),
            provider=service.provider,
            requests_per_minute=600_000,
            heavy_per_minute=1,
        )
        with serving(configuration, with_mcp) as url:
            yield Served(url, tuesday, *keys, revoked, service.token("analyst", tuesday.tenant))


@asynccontextmanager
async def over_http(served: Served, key: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(f"{served.url}/mcp", http_client=http)) as client,
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return str(result.content[0].text)  # type: ignore[union-attr]


def the_day(tuesday: Tuesday) -> dict[str, str]:
    return {"start": tuesday.start.isoformat(), "end": tuesday.scope.end.isoformat()}


async def test_a_figure_is_the_number_of_the_api_with_version_range_watermark_sample_and_warnings(
    served: Served,
) -> None:
    day = {"from": served.tuesday.start.isoformat(), "to": served.tuesday.scope.end.isoformat()}
    expected = served.get(f"/v1/kpis/{RATE}", served.analyst, by="channel", **day)
    async with over_http(served, served.analyst) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == set(TOOLS)
        found = await call(client, "get_figure", figure=RATE, by=["channel"], **the_day(served.tuesday))
        thin = await call(client, "get_figure", figure="csat", start=day["from"], end=day["from"][:11] + "00:05:00Z")
    assert found == expected
    assert found["definition"]["version"] >= 1
    assert found["watermark"] is not None
    assert all(one["n"] > 0 and one["low"] <= one["value"] <= one["high"] for one in found["values"])
    assert thin["values"][0]["notes"]


async def test_every_reading_tool_answers_what_the_api_answers(served: Served) -> None:
    day = {"from": served.tuesday.start.isoformat(), "to": served.tuesday.scope.end.isoformat()}
    async with over_http(served, served.analyst) as client:
        figures = await call(client, "list_figures")
        analyses = await call(client, "list_analyses")
        gaps = await call(client, "run_analysis", analysis="gaps", **the_day(served.tuesday))
        insights = await call(client, "list_insights", limit=100, **the_day(served.tuesday))
        reports = await call(client, "list_reports")
    assert figures["figures"] == served.get("/v1/kpis", served.analyst)
    assert analyses["analyses"] == served.get("/v1/analyses", served.analyst)
    assert gaps == served.get("/v1/analyses/gaps", served.analyst, limit=200, **day)
    assert gaps["rows"]
    assert insights == served.get("/v1/insights", served.analyst, **day)
    assert reports == served.get("/v1/reports", served.analyst, limit=20)


async def test_an_agent_that_follows_the_prompt_finds_why_the_figure_fell_last_tuesday(served: Served) -> None:
    tuesday = served.tuesday
    async with over_http(served, served.analyst) as client:
        asked = {"figure": "durable resolution", "period": "last Tuesday"}
        (prompt,) = (await client.get_prompt("why_did_it_change", asked)).messages
        assert "explain_change" in prompt.content.text  # type: ignore[union-attr]
        found = await call(
            client,
            "explain_change",
            figure=RATE,
            against=tuesday.week_before.start.isoformat(),
            **the_day(tuesday),
        )
        insights = await call(
            client, "list_insights", start=(tuesday.start - timedelta(days=1)).isoformat(), end=the_day(tuesday)["end"]
        )
        (incident,) = [one for one in insights["insights"] if one["integration_provider"] == PROVIDER][:1]
        cost = await call(client, "run_analysis", analysis="fault-cost", insight=incident["id"])
    first = found["splits"][0]
    assert (first["dimension"], first["stands_out"]) == ("queried_provider", PROVIDER)
    assert f"provider {PROVIDER}" in found["answer"]
    assert sum(one["effect"] for one in first["parts"]) == pytest.approx(found["change"])
    assert incident["recommended_actions"]
    assert "auth" in json.dumps(incident)
    assert cost["filters"] == {"provider": PROVIDER}


def test_the_command_line_explains_what_the_api_explains(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    tuesday = served.tuesday
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", tuesday.address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", tuesday.address.database)
    settings.cache_clear()
    times = {
        "from": f"{tuesday.start:%Y-%m-%d}",
        "to": f"{tuesday.scope.end:%Y-%m-%d}",
        "against": f"{tuesday.week_before.start:%Y-%m-%d}",
    }
    options = [word for name, value in times.items() for word in (f"--{name}", value)]
    asked = ["kpi", "explain", "csat", "--tenant", str(tuesday.tenant), "--format", "json", *options]
    try:
        printed = json.loads(CliRunner().invoke(romashka, asked).stdout)
    finally:
        settings.cache_clear()
    answer = served.get("/v1/kpis/csat/explain", served.analyst, **times)
    for document in (printed, answer):
        for period in ("before", "now"):
            for end in ("from", "to"):
                document[period][end] = datetime.fromisoformat(document[period][end])
    assert printed == {name: answer[name] for name in printed}


async def test_a_tenants_key_sees_no_other_tenant_and_a_role_only_its_figures(served: Served) -> None:
    other = str(served.tuesday.other)
    async with over_http(served, served.analyst) as client:
        for tool, more in (
            ("get_figure", {"figure": RATE}),
            ("explain_change", {"figure": RATE}),
            ("list_insights", {}),
            ("run_analysis", {"analysis": "gaps"}),
            ("list_reports", {}),
        ):
            for tenant in (other, "all"):
                assert "Forbidden (403)" in await refused(client, tool, tenant=tenant, **more), tool
        assert "Not found (404)" in await refused(client, "get_report", report=str(UUID(int=9)))
    async with over_http(served, stored(served.tuesday.address, Role.ANALYST, served.tuesday.tenant)) as client:
        assert "Forbidden (403)" in await refused(client, "make_report", type="executive", tenant=other)
    async with over_http(served, served.viewer) as client:
        shown = {one["id"] for one in (await call(client, "list_figures"))["figures"]}
        assert RATE not in shown
        assert "may not see figures" in await refused(client, "explain_change", figure=RATE)


async def test_a_token_of_the_sign_in_service_opens_it_as_the_api(served: Served) -> None:
    async with over_http(served, served.token) as client:
        figures = (await call(client, "list_figures"))["figures"]
        assert "Forbidden (403)" in await refused(client, "get_figure", figure=RATE, tenant=str(served.tuesday.other))
    assert figures == served.get("/v1/kpis", served.token)


def test_a_message_without_a_good_key_is_refused_before_the_server_and_noted(served: Served) -> None:
    for key in ("", "rmk_wrong", served.revoked):
        answer = served.message(key)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert "WWW-Authenticate" in answer.headers
    assert served.message(served.analyst).status_code == 200
    with connect(served.tuesday.address) as client:
        seen = "SELECT count() AS n FROM audit_log WHERE actor = 'nobody' AND object = 'POST /mcp' AND outcome = '401'"
        wait_for(lambda: query_rows(client, seen, {})[0]["n"] >= 3, 10, lambda: "no rows in the audit log")


def test_no_stream_is_kept_open_for_messages_of_the_server(served: Served) -> None:
    answer = httpx.get(f"{served.url}/mcp", headers={"Authorization": f"Bearer {served.analyst}"}, timeout=10)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_request_for_another_host_is_refused(served: Served) -> None:
    assert served.message(served.analyst, Host="rebound.example.com").status_code == 421
    assert served.message(served.analyst, Origin="https://evil.example.com").status_code == 403


async def test_a_tool_call_is_in_the_audit_log_as_the_request_that_it_is(served: Served) -> None:
    async with over_http(served, served.analyst) as client:
        await call(client, "get_figure", figure="reopen_rate", range="24h", channel="chat")
    wanted = "SELECT * FROM audit_log WHERE object LIKE 'GET /v1/kpis/reopen_rate?%channel=chat%'"
    with connect(served.tuesday.address) as client_:
        wait_for(lambda: bool(query_rows(client_, wanted, {})), 10, lambda: "no row in the audit log")
        (row,) = query_rows(client_, wanted, {})
    assert (row["action"], row["outcome"]) == ("kpis.read", "200")
    assert row["actor"].startswith("key:")
    details = json.loads(row["details"])
    assert details["address"] == "127.0.0.1"
    assert details["tenant"] == str(served.tuesday.tenant)


async def test_reports_are_made_read_and_limited_as_by_the_api(served: Served) -> None:
    async with over_http(served, served.analyst) as client:
        made = await call(client, "make_report", type="operational", time_range="7d", name="By an agent")
        again = await refused(client, "make_report", type="operational", time_range="7d")
        read = await call(client, "get_report", report=made["report"]["id"])
        listed = (await call(client, "list_reports"))["reports"]
    assert "Too many requests (429)" in again
    assert "wait" in again
    assert made["document"]["figures"]
    assert made["document"]["provenance"]["watermark"]
    assert read["document"] == made["document"]
    assert made["report"] in listed


async def test_questions_are_limited_by_the_rate_of_the_key(tuesday: Tuesday, tmp_path: Path) -> None:
    key = stored(tuesday.address, Role.ANALYST, tuesday.tenant)
    with serving(Configuration(tuesday.address, SECRET, tmp_path, requests_per_minute=5), with_mcp) as url:
        limited = Served(url, tuesday, key, key, key, key)
        statuses = [limited.message(key).status_code for _ in range(2)]
    assert statuses == [200, 429]


def settings_of(tuesday: Tuesday, **more: str) -> dict[str, str]:
    """Return the settings of ``romashka mcp`` in a process of its own."""
    found = environment(KafkaAddress("127.0.0.1:1"), tuesday.address, "none")
    return {name: value for name, value in found.items() if name.startswith("ROMASHKA_")} | more


@pytest.mark.long
async def test_over_standard_input_and_output_the_key_is_a_setting_and_the_figure_the_same(served: Served) -> None:
    env = settings_of(served.tuesday, ROMASHKA_MCP_KEY=served.analyst)
    expected = served.get(f"/v1/kpis/{RATE}", served.analyst, range="7d")
    async with Client(StdioServerParameters(command=str(ROMASHKA), args=["mcp"], env=env)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == set(TOOLS)
        found = await call(client, "get_figure", figure=RATE, range="7d")
        assert "Forbidden (403)" in await refused(client, "get_figure", figure=RATE, tenant=str(served.tuesday.other))
    assert found["values"] == expected["values"]


@pytest.mark.long
async def test_over_standard_input_and_output_it_can_be_a_client_of_an_api_elsewhere(served: Served) -> None:
    # No database: only the key and the address of the API.
    env = {
        "ROMASHKA_MCP_KEY": served.analyst,
        "ROMASHKA_MCP_API_URL": served.url,
        "ROMASHKA_CLICKHOUSE_URL": "http://127.0.0.1:1",
    }
    async with Client(StdioServerParameters(command=str(ROMASHKA), args=["mcp"], env=env)) as client:
        figures = (await call(client, "list_figures"))["figures"]
    assert figures == served.get("/v1/kpis", served.analyst)


def test_a_wrong_key_ends_it_at_once_and_says_so(served: Served) -> None:
    env = {**os.environ, "ROMASHKA_MCP_KEY": "rmk_wrong", "ROMASHKA_MCP_API_URL": served.url}
    ended = subprocess.run(
        [ROMASHKA, "mcp"], check=False, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "ROMASHKA_MCP_KEY: Authentication required (401)" in ended.stderr
    assert ended.stdout == ""
