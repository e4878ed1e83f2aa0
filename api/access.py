"""The dependency that checks the identity of a request for the action of a route."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, get_origin
from uuid import UUID

from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from api.identity import ALL, Identity
from api.problems import ApiError, wrong
from api.rate_limit import seconds
from api.roles import Action
from api.services import services_of
from kpis.scope import AllTenants

BEARER: Final = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An OpenID Connect token, or an API key (rmk_..., from 'romashka api key add')",
)
"""For the OpenAPI document only; AuthMiddleware does the check."""


class Caller:
    """The identity of one request; records for the audit log which tenant's data was requested."""

    def __init__(self, identity: Identity, state: dict[str, Any]) -> None:
        self.identity = identity
        self._state = state

    def tenant(self, asked: str | None) -> UUID | AllTenants:
        """Return the requested tenant after the check; see ``Identity.tenant``."""
        self._state["tenant"] = asked or ""
        tenant = self.identity.tenant(asked)
        self._state["tenant"] = ALL if isinstance(tenant, AllTenants) else str(tenant)
        return tenant

    def note_tenant(self, tenant: UUID) -> None:
        """Record the tenant of a row that was asked for by its id."""
        self._state["tenant"] = str(tenant)


def allowed(action: Action, *, heavy: bool = False) -> Callable[[HTTPConnection], Awaitable[Caller]]:
    """Return the dependency for an action; ``heavy`` ones have a stricter rate limit."""

    async def check(connection: HTTPConnection) -> Caller:
        state = connection.scope["state"]
        state["action"] = str(action)
        identity: Identity = state["identity"]
        identity.require(action)
        _check_repeated(connection)
        if heavy:
            services = services_of(connection)
            if wait := await services.limiter.take(f"heavy:{identity.name}", services.heavy):
                detail = f"you may have {services.heavy.per_minute:.0f} of these made a minute; wait {seconds(wait)} s"
                raise ApiError(429, "too-many", detail, headers={"Retry-After": seconds(wait)})
        return Caller(identity, state)

    return check


def _check_repeated(connection: HTTPConnection) -> None:
    """Refuse a parameter that is given twice and takes one value: only the last would have an effect."""
    lists = {
        field.alias or name
        for parameters in connection.scope["route"].dependant.query_params
        for name, field in parameters.field_info.annotation.model_fields.items()
        if get_origin(field.annotation) is list
    }
    for name, count in Counter(name for name, _ in connection.query_params.multi_items()).items():
        if count > 1 and name not in lists:
            raise wrong(name, "is given more than once; expected one value")
