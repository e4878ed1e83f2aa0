"""``GET /v1/exports/{what}``: rows of a table or of a key figure, streamed from ClickHouse."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from queue import Empty, Full, Queue
from typing import Annotated, Any, BinaryIO, Final, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import StreamingResponse

from api.access import BEARER, Caller, allowed
from api.disconnect import unless_gone
from api.parameters import RangeQuery
from api.problems import ApiError, documented
from api.roles import Action
from api.services import services_of
from kpis.registry import ALL
from kpis.scope import Interval
from models.fields import Label
from reports.export import Exported, export
from reports.export_request import ExportFormat, ExportRequest
from reports.export_tables import EXPORTABLE

router: Final = APIRouter(tags=["exports"], dependencies=[Depends(BEARER)])
_DAYS: Final = timedelta(days=30)
_PIECE_BYTES: Final = 256 * 1024
_PIECES_WAITING: Final = 8
# A client that reads nothing for this long counts as disconnected.
_PATIENCE_SECONDS: Final = 60.0
_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/x-ndjson",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportQuery(RangeQuery):
    """An export's parameters."""

    format: ExportFormat = ExportFormat.CSV
    by: Annotated[
        tuple[Label, ...], Field(max_length=3, description="Split a key figure by this; may be given again")
    ] = ()
    every: Annotated[Interval | None, Field(description="Make a key figure a time series in such steps")] = None
    customers: Annotated[
        bool, Field(description="With pseudonyms of customers, where five or more have the same attributes")
    ] = False


@router.get(
    "/v1/exports/{what}",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The rows", "content": {type_: {} for type_ in _TYPES.values()}},
        **documented(404),
    },
    summary="Rows of a table or of a key figure",
)
async def rows(
    request: Request,
    what: Annotated[str, Path(max_length=64, description="A table, or the id of a key figure", examples=["queries"])],
    query: Annotated[ExportQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.EXPORT, heavy=True))],
) -> StreamingResponse:
    """Stream the rows; texts that a spreadsheet would compute are made harmless.

    An answer that breaks off is not complete: its last chunk is missing, and clients report that as an error.
    """
    if what not in EXPORTABLE and what not in ALL:
        there = ", ".join(EXPORTABLE)
        raise ApiError(404, "unknown-table", f"there is no '{what}'; expected {there}, or the id of a key figure")
    start, end = query.times(datetime.now(UTC), _DAYS)
    scope = query.scope(start, end, caller.tenant(query.tenant))
    wanted = ExportRequest(what, scope, query.format, tuple(dict.fromkeys(query.by)), query.every, query.customers)
    pipe = _Pipe()
    made = asyncio.create_task(
        services_of(request).heavy_pool.run(lambda client: export(client, wanted, cast(BinaryIO, pipe), _nobody))
    )
    made.add_done_callback(_seen)
    try:
        first = await unless_gone(request, _piece(pipe, made))
    except BaseException:
        pipe.abandon()
        made.cancel()
        raise
    name = f"{what}-{end.astimezone(scope.zone):%Y-%m-%d}.{query.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(first, pipe, made), media_type=_TYPES[query.format], headers=headers)


class _Pipe(io.RawIOBase):
    """The stream that the export writes to in a thread, with a bounded queue of chunks."""

    def __init__(self) -> None:
        self._waiting: Queue[bytes] = Queue(_PIECES_WAITING)
        self._piece = bytearray()
        self._abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._piece += data
        if len(self._piece) >= _PIECE_BYTES:
            self._send()
        return memoryview(data).nbytes

    def _send(self) -> None:
        if self._abandoned:
            raise BrokenPipeError("the client has gone")
        if self._piece:
            try:
                self._waiting.put(bytes(self._piece), timeout=_PATIENCE_SECONDS)
            except Full:
                raise BrokenPipeError("the client takes nothing any more") from None
            self._piece.clear()

    def abandon(self) -> None:
        """Make the export fail at its next chunk."""
        self._abandoned = True
        while not self._waiting.empty():
            self._waiting.get_nowait()

    def take(self, seconds: float) -> bytes:
        """Return the next chunk; empty after the time-out."""
        try:
            return self._waiting.get(timeout=seconds)
        except Empty:
            return b""

    def rest(self) -> bytes:
        """Return the last partial chunk, after the export has ended."""
        return bytes(self._piece)


async def _piece(pipe: _Pipe, made: asyncio.Task[Exported]) -> bytes:
    """Return the next chunk, empty at the end; raises the exception of the export."""
    while not made.done():
        if piece := await asyncio.to_thread(pipe.take, 0.1):
            return piece
    if piece := pipe.take(0):
        return piece
    made.result()
    return b""


async def _pieces(first: bytes, pipe: _Pipe, made: asyncio.Task[Exported]) -> AsyncIterator[bytes]:
    try:
        piece = first
        while piece:
            yield piece
            piece = await _piece(pipe, made)
        yield pipe.rest()
    finally:
        pipe.abandon()
        made.cancel()


def _seen(made: asyncio.Task[Exported]) -> None:
    """Retrieve the exception of an export whose client has disconnected."""
    if not made.cancelled():
        made.exception()


def _nobody(_: int, __: int) -> None:
    """Ignore progress."""
