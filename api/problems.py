"""Error responses: RFC 9457 ``application/problem+json``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.errors import InvalidRequest, SettingsError, Unreachable
from models.pattern_words import message_of
from storage.insight_links import without_tokens

MEDIA_TYPE: Final = "application/problem+json"
log = logging.getLogger(__name__)
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Authentication required",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content too large",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Unprocessable content",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
    504: "Gateway timeout",
}


class WrongField(BaseModel):
    """An invalid value."""

    field: Annotated[str, Field(description="Where it is: a parameter, or a path into the body")]
    message: Annotated[str, Field(description="What was expected")]


class Problem(BaseModel):
    """The body of every response with a status of 400 or more."""

    type: Annotated[str, Field(description="Names the kind of problem; stays the same")]
    title: Annotated[str, Field(description="The kind in a few words")]
    status: int
    detail: Annotated[str, Field(description="What happened, and what to do next")]
    request_id: Annotated[str, Field(description="Names this request in our logs")]
    errors: Annotated[list[WrongField], Field(description="The values that cannot be used")] = []


class ApiError(Exception):
    """An error response; ``kind`` identifies the problem for programs."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[WrongField] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors)

    def response(self, request_id: str) -> Response:
        """Return the response."""
        problem = Problem(
            type=f"urn:romashka:problem:{self.kind}",
            title=_TITLES.get(self.status, "Error"),
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            errors=self.errors,
        )
        return Response(problem.model_dump_json(), self.status, self.headers, MEDIA_TYPE)


def wrong(field: str, message: str) -> ApiError:
    """Return the error for one invalid value."""
    return ApiError(422, "wrong-value", f"{field}: {message}", errors=[WrongField(field=field, message=message)])


def unreachable(error: Unreachable) -> ApiError:
    """Return the error for a ClickHouse failure, without its message, which is only logged."""
    log.warning("%s", error)
    if "TIMEOUT_EXCEEDED" in str(error) or "code 159" in str(error):
        return ApiError(504, "too-slow", "the database took too long; ask for a shorter range, or for fewer parts")
    detail = "the database does not answer; try again in a few seconds"
    return ApiError(503, "unavailable", detail, headers={"Retry-After": "5"})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the errors of a route, in addition to the common ones."""
    example = {
        "type": "urn:romashka:problem:wrong-value",
        "title": _TITLES[422],
        "status": 422,
        "detail": "from: expected ISO-8601 with an offset, for example 2026-11-01T08:00+01:00",
        "request_id": "5f1c0d7e9b",
        "errors": [{"field": "from", "message": "expected ISO-8601 with an offset"}],
    }
    return {
        status: {
            "description": _TITLES[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    **({"example": example} if status == 422 else {}),
                }
            },
        }
        for status in sorted({401, 403, 422, 429, 500, 503, 504, *statuses})
    }


def answer_with_problems(app: FastAPI) -> None:
    """Register the handlers that answer every error as a problem."""
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _invalid_handshake)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SettingsError, _unusable)
    app.add_exception_handler(Unreachable, _away)


def request_id(request: Request) -> str:
    """Return the request id, set by RequestContextMiddleware."""
    return str(request.scope["state"]["request_id"])


def _path(request: Request) -> str:
    """Return the path of a request, without the token of a link."""
    path = request.url.path
    return "/links/..." if path.startswith("/links/") else without_tokens(path)


async def _refused(request: Request, error: Exception) -> Response:
    error = cast(ApiError, error)  # registered for this class only
    if request.scope["type"] == "websocket":
        raise error  # RequestContextMiddleware refuses the handshake
    return error.response(request_id(request))


async def _http(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)  # registered for this class only
    kind = {404: "unknown-address", 405: "wrong-method", 413: "too-large"}.get(error.status_code, "refused")
    detail = {
        404: f"there is nothing at {_path(request)}; /v1/openapi.json lists every address",
        405: f"{_path(request)} does not take {request.method}",
    }.get(error.status_code, str(error.detail))
    if error.status_code == 400:  # FastAPI's, of a body that it cannot decode
        kind, detail = (
            "wrong-body",
            "the body is not JSON in UTF-8, or is nested too deeply; send it without compression",
        )
    return ApiError(error.status_code, kind, detail, headers=error.headers).response(request_id(request))


async def _unusable(request: Request, error: Exception) -> Response:
    if isinstance(error, InvalidRequest):
        return wrong(error.field, error.message).response(request_id(request))
    return ApiError(422, "wrong-value", str(error)).response(request_id(request))


async def _away(request: Request, error: Exception) -> Response:
    error = cast(Unreachable, error)  # registered for this class only
    return unreachable(error).response(request_id(request))


async def _invalid_handshake(_: Request, error: Exception) -> Response:
    error = cast(WebSocketRequestValidationError, error)  # registered for this class only
    errors = [_field(one) for one in error.errors()]
    raise ApiError(422, "wrong-value", "; ".join(f"{one.field}: {one.message}" for one in errors[:3]), errors=errors)


async def _invalid(request: Request, error: Exception) -> Response:
    error = cast(RequestValidationError, error)  # registered for this class only
    errors = [_field(one) for one in error.errors()]
    detail = "; ".join(f"{one.field}: {one.message}" for one in errors[:3])
    return ApiError(422, "wrong-value", detail, errors=errors[:20]).response(request_id(request))


def _field(error: Mapping[str, Any]) -> WrongField:
    place = [str(part) for part in error["loc"]]
    name = ".".join(place[1:]) or place[0]
    if error["type"] == "extra_forbidden":
        return WrongField(field=name, message="there is no such parameter or field here")
    if error["type"] == "json_invalid":
        return WrongField(field="body", message="this is not JSON")
    if error["type"] == "model_attributes_type" and place == ["body"]:
        return WrongField(field="body", message="expected a JSON object, sent with Content-Type: application/json")
    message = message_of(error)
    return WrongField(field=name, message=message[:1].lower() + message[1:])
