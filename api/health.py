"""``/v1/health``: for load balancers and supervisors."""

from __future__ import annotations

from typing import Annotated, Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from api.parameters import NoQuery
from api.problems import ApiError
from api.services import Services, services_of
from models.errors import Unreachable
from sinks.migrations import known

router: Final = APIRouter(prefix="/v1/health", tags=["health"])
_APPLIED: Final = "SELECT count(DISTINCT version) FROM schema_migrations"


class HealthStatus(BaseModel):
    """The state of the API."""

    status: Annotated[str, Field(description="ok, or what is wrong")]
    database: Annotated[str, Field(description="ok, unreachable, or not migrated; empty where it was not asked")]


_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {503: {"model": HealthStatus, "description": "Not now"}}


@router.get("/live", summary="Whether the process answers")
async def live(_: Annotated[NoQuery, Query()]) -> HealthStatus:
    """Whether this process answers; makes no database query."""
    return HealthStatus(status="ok", database="")


@router.get("/ready", response_model=HealthStatus, responses=_NOT_READY, summary="Whether it can answer questions")
@router.get("", response_model=HealthStatus, responses=_NOT_READY, summary="The same as /ready")
async def ready(request: Request, _: Annotated[NoQuery, Query()]) -> Response:
    """Whether the database answers and has every migration."""
    database = await _database(services_of(request))
    healthy = database == "ok"
    body = HealthStatus(status="ok" if healthy else "not ready", database=database).model_dump()
    return JSONResponse(body, 200 if healthy else 503)


async def _database(services: Services) -> str:
    try:
        return await services.pool.run(_standing)
    except Unreachable:
        return "unreachable"
    except ApiError:
        return "busy"


def _standing(client: Client) -> str:
    try:
        applied = int(client.query(_APPLIED).result_rows[0][0])
    except ClickHouseError as error:
        raise Unreachable("ClickHouse does not answer") from error
    return "ok" if applied >= len(known()) else "not migrated"
