"""ClickHouse's HTTP interface, as much of it as clickhouse-connect, Grafana's data source and curl use.

Any user name and password is accepted, as by a ClickHouse server without passwords. Because of that cross-origin
requests of browsers are refused: a web page must not reach a database on its visitor's machine.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from multidict import CIMultiDict

from embedded import compression
from embedded.engine import Engine, EngineAnswer
from embedded.errors import ACCESS_DENIED, NOT_IMPLEMENTED, QueryFailed, refusal
from embedded.request import HttpQuery, read_query
from embedded.sessions import Sessions
from embedded.statements import ParsedStatement, read_statement

_LARGEST_BODY = 1024**3
_THREADS = 64
_SESSION_STATEMENTS = ("SET", "USE")
_LOCAL_HOSTS = ("127.0.0.1", "localhost")
_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
}
_T = TypeVar("_T")


class HttpInterface:
    """Handlers of the two paths, ``/`` and ``/ping``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_get("/ping", _ping)
        application.router.add_route("*", "/", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            _refuse_browsers(request)
            parameters = await _parameters(request)
            form = request.content_type == "multipart/form-data"
            body = b"" if form else await request.read()
            query = await self._in_thread(lambda: read_query(request.method, parameters, request.headers, body))
            if not query.text and request.method in ("GET", "HEAD"):
                return await _ping(request)
            statement = await self._in_thread(lambda: read_statement(query.text))
            answer = await self._execute(query, statement)
        except QueryFailed as failure:
            return _refused(failure)
        headers = self._headers(query, answer)
        if answer.rest is None:
            return await self._whole(query, answer, headers)
        return await self._streamed(request, query, answer, answer.rest, headers)

    async def _execute(self, query: HttpQuery, statement: ParsedStatement) -> EngineAnswer:
        """Run a statement within its session. Sessions are touched on the event loop only."""
        session, timeout = query.session_id, query.session_timeout
        history = self._sessions.statements(session, timeout, time.monotonic()) if session else ()
        answer = await self._in_thread(lambda: self._engine.execute(query, statement, history))
        if session and statement.keywords[0] in _SESSION_STATEMENTS:
            self._sessions.remember(session, query.text, timeout, time.monotonic())
        return answer

    async def _whole(self, query: HttpQuery, answer: EngineAnswer, headers: Mapping[str, str]) -> web.Response:
        body = answer.first
        if query.encoding:
            encoder = compression.encoder(query.encoding)
            body = await self._in_thread(lambda: encoder.compress(body) + encoder.flush())
        return web.Response(body=body, headers=headers)

    async def _streamed(
        self,
        request: web.Request,
        query: HttpQuery,
        answer: EngineAnswer,
        rest: Callable[[], bytes | None],
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        encoder = compression.encoder(query.encoding) if query.encoding else None
        tag = secrets.token_hex(8)
        response = web.StreamResponse(headers={**headers, "X-ClickHouse-Exception-Tag": tag})
        piece: bytes | None = answer.first
        try:
            await response.prepare(request)
            while piece is not None:
                encoded = piece if encoder is None else await self._in_thread(partial(encoder.compress, piece))
                await response.write(encoded)
                piece = await self._in_thread(rest)
        except QueryFailed as failure:
            trailer = _exception_trailer(failure.message, tag)
            await response.write(trailer if encoder is None else encoder.compress(trailer) + encoder.flush())
            # The body stays without its end, so that no client takes it for complete.
            if request.transport is not None:
                request.transport.close()
            return response
        finally:
            await self._in_thread(answer.close)
        await response.write_eof(b"" if encoder is None else encoder.flush())
        return response

    def _headers(self, query: HttpQuery, answer: EngineAnswer) -> dict[str, str]:
        headers = {
            "Content-Type": _CONTENT_TYPES.get(answer.output_format, "application/octet-stream"),
            "X-ClickHouse-Query-Id": query.query_id,
            "X-ClickHouse-Format": answer.output_format,
            "X-ClickHouse-Timezone": query.settings.get("session_timezone") or self._engine.timezone,
            "X-ClickHouse-Server-Display-Name": "embedded",
            "X-ClickHouse-Summary": answer.statistics.as_header(),
        }
        if query.encoding:
            headers["Content-Encoding"] = query.encoding
        return headers

    async def _in_thread(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


async def _ping(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _parameters(request: web.Request) -> dict[str, str]:
    """Collect the parameters of the URL, and of the form that clients use when the URL would get too long."""
    raw = urlsplit(request.raw_path).query
    parameters = dict(parse_qsl(raw, keep_blank_values=True, errors="surrogateescape"))
    if request.content_type == "multipart/form-data":
        for name, value in (await request.post()).items():
            if not isinstance(value, str):
                reason = "The embedded database takes no external tables; insert the rows into a table first"
                raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
            parameters[name] = value
    return parameters


def _refuse_browsers(request: web.Request) -> None:
    if "Origin" in request.headers or request.url.host not in _LOCAL_HOSTS:
        raise refusal(ACCESS_DENIED, "ACCESS_DENIED", "The embedded database does not answer web pages")


def _refused(failure: QueryFailed) -> web.Response:
    headers = CIMultiDict({"X-ClickHouse-Exception-Code": str(failure.code)})
    return web.Response(status=failure.status, text=failure.message + "\n", headers=headers)


def _exception_trailer(message: str, tag: str) -> bytes:
    """Append an error after part of the result was sent, in ClickHouse's format."""
    text = message.encode() + b"\n"
    mark = tag.encode()
    return b"\r\n__exception__\r\n" + mark + b"\r\n" + text + b"%d " % len(text) + mark + b"\r\n__exception__\r\n"
