"""The application: routes, middleware and background tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from api import (
    analyses,
    dashboards,
    experiments,
    explain,
    exports,
    health,
    insight_links,
    insights,
    kpis,
    live,
    reports,
    schedules,
)
from api.auth_middleware import AuthMiddleware
from api.head_requests import HeadMiddleware
from api.problems import Problem, answer_with_problems
from api.request_context import RequestContextMiddleware
from api.services import Configuration, Services
from api.tracing import TracingMiddleware

VERSION: Final = "1.0.0"
_ABOUT: Final = """
Figures of ROMASHKA's integrations: what the dashboards show, key figures, insights, reports.

Send a token of your sign-in service, or an API key, as `Authorization: Bearer ...`. What you see depends on your
roles and tenants. Errors are `application/problem+json` (RFC 9457) and name the field. Every answer
has an `X-Request-ID`.

`/v1/live` is a WebSocket: it sends a JSON object a message, `type` is `status`, `episode` or `window`. Browsers send
the token as a second protocol: `new WebSocket(url, ["romashka.v1", "bearer." + token])`.
"""


def create_app(configuration: Configuration) -> FastAPI:
    """Return the application; connections are opened at startup."""
    app = FastAPI(
        title="ROMASHKA integration analytics",
        version=VERSION,
        description=_ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the documentation pages would load external scripts
        redoc_url=None,
        lifespan=_lifespan,
        strict_content_type=True,
        redirect_slashes=False,  # behind a TLS proxy it would send clients, and their keys, to http://
    )
    app.state.configuration = configuration
    for module in (
        dashboards,
        kpis,
        explain,
        analyses,
        experiments,
        insights,
        insight_links,
        reports,
        schedules,
        exports,
        live,
        health,
    ):
        app.include_router(module.router)
    answer_with_problems(app)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(AuthMiddleware)
    if configuration.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(configuration.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "X-Request-ID"],
            expose_headers=["ETag", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(RequestContextMiddleware)
    if configuration.spans is not None:
        app.add_middleware(TracingMiddleware, spans=configuration.spans)
    _describe_problems(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services = Services(app.state.configuration)
    app.state.services = services
    try:
        await services.trail.open()
        beside = [asyncio.create_task(services.trail.run()), asyncio.create_task(services.hub.run())]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await services.trail.close()
    finally:
        await services.close()
        if services.configuration.spans is not None:
            services.configuration.spans.close()


def _describe_problems(app: FastAPI) -> None:
    """Add the schema of problems to the OpenAPI document."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document
