"""The collector as a process, and within the API process: configuration and background tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.api_key_cache import ApiKeyCache
from api.head_requests import HeadMiddleware
from api.identity import Identity
from api.keys import KeySigner, stored_keys
from api.pool import Pool
from api.problems import ApiError
from api.rate_limit import MemoryLimiter, RequestRate, seconds
from api.tokens import Tokens
from cli.api_server import configuration, listening, server_config
from cli.console import err, log_to_stderr
from cli.setting_values import entries
from cli.settings import Settings
from collector.access import Access, ScopeSigner, stored_scopes
from collector.app import Collector, CollectorLimits
from collector.openapi import document
from collector.publisher import KafkaPublisher
from models.errors import PortInUse
from sinks.migrations import require_current

_CONNECTIONS: Final = 2
_DRAIN_SECONDS: Final = 15
_KEY_FETCHES: Final = RequestRate(per_minute=60, burst=10)


def collector_of(chosen: Settings) -> tuple[Collector, Pool]:
    """Return a collector for the settings, and its connections, not connected yet.

    Raises
    ------
    SettingsError
        One of the settings of the sign-in service is missing.
    """
    pool = Pool(chosen.clickhouse, _CONNECTIONS)
    signer, scopes = KeySigner(chosen.secret), ScopeSigner(chosen.secret)
    ring = ApiKeyCache(lambda: pool.run(lambda client: stored_keys(client, signer)), time.time)
    provider = configuration(chosen).provider
    tokens = None if provider is None else Tokens(provider, time.time)
    access = Access(
        _authenticate(ring, tokens), lambda: pool.run(lambda client: stored_scopes(client, scopes)), time.monotonic
    )
    collector = Collector(
        access,
        KafkaPublisher(chosen.kafka, delivery_seconds=chosen.collector_delivery_seconds),
        pool,
        limits=CollectorLimits(
            events_per_second=chosen.collector_events_per_second, body_seconds=chosen.collector_body_seconds
        ),
        cors_origins=entries(chosen.collector_cors_origins),
    )
    return collector, pool


def _authenticate(ring: ApiKeyCache, tokens: Tokens | None) -> Callable[[str], Awaitable[Identity]]:
    limiter = MemoryLimiter(time.monotonic)

    async def admit() -> None:
        if wait := await limiter.take("sign-in keys", _KEY_FETCHES):
            raise ApiError(429, "too-many", "too many unknown tokens", headers={"Retry-After": seconds(wait)})

    async def identity(token: str) -> Identity:
        if not token:
            raise ApiError(
                401,
                "no-token",
                "send a producer's key: Authorization: Bearer rmk_...",
                headers={"WWW-Authenticate": 'Bearer realm="romashka"'},
            )
        if tokens is None or token.startswith("rmk_"):
            return await ring.identity(token)
        return await tokens.identity(token, admit)

    return identity


@asynccontextmanager
async def running(collector: Collector, pool: Pool) -> AsyncIterator[None]:
    """Run the background tasks; on leaving, pending events are delivered."""
    task = asyncio.create_task(collector.run(), name="collector")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await collector.close()
        pool.close()


def collector_app(collector: Collector, pool: Pool) -> ASGIApp:
    """Return the collector as a standalone application."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def described(_: Request) -> Response:
        return JSONResponse(document())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running(collector, pool):
            yield

    routes = [Route("/v1/health/live", live), Route("/v1/openapi.json", described)]
    return Together(Starlette(routes=routes, lifespan=lifespan), collector)


class Together:
    """Sends the collector's addresses to the collector and everything else to another application."""

    def __init__(self, other: ASGIApp, collector: Collector) -> None:
        self._other = other
        self._collector = HeadMiddleware(collector)
        self._paths = collector.paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        mine = scope["type"] == "http" and scope["path"] in self._paths
        await (self._collector if mine else self._other)(scope, receive, send)


def with_collector(app: FastAPI, collector: Collector, pool: Pool) -> ASGIApp:
    """Return the API's application with the collector beside it, started and stopped together."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: FastAPI) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running(collector, pool))
            yield await stack.enter_async_context(inner(of))

    app.router.lifespan_context = lifespan
    return Together(app, collector)


def run(chosen: Settings, host: str, port: int) -> None:
    """Serve the collector alone until Ctrl-C.

    Raises
    ------
    PortInUse
        Something else listens there.
    SchemaMismatch
        The database lacks migrations.
    """
    require_current(chosen.clickhouse)
    log_to_stderr(chosen.log_format)
    collector, pool = collector_of(chosen)
    config = server_config(
        collector_app(collector, pool),
        entries(chosen.api_trusted_proxies),
        header_seconds=chosen.collector_body_seconds,
    )
    config.timeout_graceful_shutdown = _DRAIN_SECONDS
    with listening(host, port) as socket_:
        name, bound = socket_.getsockname()[:2]
        _serve_metrics(chosen, collector)
        err.print(f"collecting on http://{name}:{bound}/v1/events - Ctrl-C ends it", highlight=False)
        uvicorn.Server(config).run(sockets=[socket_])


def _serve_metrics(chosen: Settings, collector: Collector) -> None:
    port = chosen.collector_metrics_port
    try:
        start_http_server(port, addr=chosen.metrics_host, registry=collector.metrics.registry)
    except OSError as error:
        raise PortInUse(
            f"port {port} on {chosen.metrics_host} cannot serve the metrics ({error.strerror}); set "
            "ROMASHKA_COLLECTOR_METRICS_PORT"
        ) from error
