"""A collector in this process whose Kafka and ClickHouse are fakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from clickhouse_connect.driver.client import Client

from api.identity import Identity
from api.problems import ApiError
from api.roles import Role
from collector.access import Access, ProducerScope
from collector.app import Collector, CollectorLimits
from collector.publisher import MemoryPublisher
from models.errors import Unreachable

Answer = TypeVar("Answer")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACME, BOREAS = UUID(int=1), UUID(int=2)
KEYS = {
    "acme": Identity("key:acme", "", frozenset({Role.PRODUCER}), frozenset({ACME})),
    "everyone": Identity("key:everyone", "", frozenset({Role.PRODUCER}), frozenset()),
    "queries": Identity("key:queries", "", frozenset({Role.PRODUCER}), frozenset({ACME})),
    "viewer": Identity("key:viewer", "", frozenset({Role.VIEWER}), frozenset({ACME})),
}
SCOPES = {
    "everyone": ProducerScope(True, frozenset(), frozenset()),
    "queries": ProducerScope(False, frozenset(), frozenset({"integration.queries.v1"})),
}


class NoDatabase:
    async def run(self, work: Callable[[Client], Answer]) -> Answer:
        raise Unreachable("ClickHouse is not here")


class Setup:
    """A collector, its fakes, and a client."""

    def __init__(self, **options: Any) -> None:
        self.seconds = 1_000.0
        self.keys_are_readable = True
        self.publisher = MemoryPublisher()
        self.access = Access(self._authenticate, self._read_scopes, lambda: self.seconds)
        self.collector = Collector(
            self.access,
            self.publisher,
            NoDatabase(),
            limits=CollectorLimits(**options.pop("limits", {})),
            clock=lambda: self.seconds,
            now=lambda: NOW,
            **options,
        )

    def client(self, key: str = "acme", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.collector, raise_app_exceptions=False)
        given = {"Authorization": f"Bearer {key}", **headers} if key else headers
        return httpx.AsyncClient(transport=transport, base_url="http://collector", headers=given)

    async def send(self, body: Any, key: str = "acme", topic: str | None = "queries", **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **{n.replace("_", "-"): v for n, v in headers.items()}}
        async with self.client(key) as client:
            parameters = {} if topic is None else {"topic": topic}
            return await client.post("/v1/events", params=parameters, content=content, headers=given)

    async def _authenticate(self, token: str) -> Identity:
        if not self.keys_are_readable:
            raise Unreachable("ClickHouse does not answer")
        if token not in KEYS:
            raise ApiError(401, "wrong-key", "there is no such API key")
        return KEYS[token]

    async def _read_scopes(self) -> dict[str, ProducerScope]:
        return SCOPES


def query(tenant: UUID = ACME, **fields: Any) -> dict[str, Any]:
    """Return a query event that is good, but for the fields given."""
    return {
        "event_id": str(uuid4()),
        "user_id": str(tenant),
        "created_at": "2026-03-01T11:59:00+00:00",
        "conversation_id": str(uuid4()),
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
        "response_time_ms": 250,
        **fields,
    }
