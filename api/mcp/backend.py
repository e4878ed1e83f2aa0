"""The API as the tools call it: one request for each call, with the caller's own token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import httpx2
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from starlette.requests import Request
from starlette.types import ASGIApp

_SECONDS: Final = 120.0
_LOCAL: Final = ("stdio", 0)
_PLACE: Final = "http://api"


class Answer(NamedTuple):
    """The body of an answer and its media type."""

    content: bytes
    media_type: str


class _Caller(NamedTuple):
    """The ``Authorization`` header and the address of who calls a tool."""

    authorization: str
    address: tuple[str, int]


class Backend:
    """Calls the API on behalf of who calls a tool.

    The token is the one of the message that calls the tool (streamable HTTP), or the one given here (stdio): the server
    has no rights of its own. In the same process the API sees the address of that client, too, for its limits and its
    audit log.

    Parameters
    ----------
    app
        The API in this process; its lifespan has to run.
    url
        An API elsewhere instead.
    key
        The API key or token for clients that send no headers.
    """

    def __init__(self, app: ASGIApp | None = None, url: str = "", key: str = "") -> None:
        if (app is None) == (not url):
            raise ValueError("expected an application or a URL")
        self._app = app
        self._url = url
        self._key = key

    async def get(self, context: Context[Any, Any], path: str, **parameters: Any) -> Any:
        """Return the JSON of a route; parameters that are ``None`` are left out.

        Raises
        ------
        ToolError
            The API refused, or does not answer; says what the API said.
        """
        return (await self._asked(context, "GET", path, params=_given(parameters))).json()

    async def post(self, context: Context[Any, Any], path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON of a route that takes a body; raises as ``get``."""
        return (await self._asked(context, "POST", path, json=_given(body))).json()

    async def file(self, context: Context[Any, Any], path: str) -> Answer:
        """Return the body of a route that answers with a file; raises as ``get``."""
        answer = await self._asked(context, "GET", path)
        return Answer(answer.content, answer.headers.get("content-type", "").partition(";")[0])

    async def check(self) -> None:
        """Ask the API whether it takes the key given here; raises as ``get``."""
        await self._sent(_Caller(f"Bearer {self._key}", _LOCAL), "GET", "/v1/kpis")

    async def _asked(self, context: Context[Any, Any], method: str, path: str, **more: Any) -> httpx2.Response:
        return await self._sent(self._caller(context), method, path, **more)

    def _caller(self, context: Context[Any, Any]) -> _Caller:
        request = context.request_context.request
        if not isinstance(request, Request):
            return _Caller(f"Bearer {self._key}", _LOCAL)
        client = request.client
        return _Caller(
            request.headers.get("authorization", ""), _LOCAL if client is None else (client.host, client.port)
        )

    async def _sent(self, caller: _Caller, method: str, path: str, **more: Any) -> httpx2.Response:
        transport = None if self._app is None else httpx2.ASGITransport(self._app, client=caller.address)
        try:
            async with httpx2.AsyncClient(
                transport=transport, base_url=self._url or _PLACE, timeout=_SECONDS
            ) as client:
                answer = await client.request(method, path, headers={"Authorization": caller.authorization}, **more)
        except httpx2.HTTPError as error:
            raise ToolError(f"the API does not answer ({type(error).__name__}); is it running?") from error
        if answer.is_error:
            raise ToolError(_problem(answer))
        return answer


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _problem(answer: httpx2.Response) -> str:
    """Return what the API says in an answer that is a problem (RFC 9457)."""
    if answer.headers.get("content-type") != "application/problem+json":
        return f"the API answered {answer.status_code}"
    problem = answer.json()
    wait = answer.headers.get("retry-after")
    after = f"; try again in {wait} s" if wait and f"{wait} s" not in problem["detail"] else ""
    return f"{problem['title']} ({problem['status']}): {problem['detail']}{after} [request {problem['request_id']}]"
