"""Cancels work when the client disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import Request

from api.problems import ApiError

Answer = TypeVar("Answer")
_LOOK_EVERY_SECONDS: Final = 0.25


async def unless_gone(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return the result of ``work``; cancel it when the client disconnects.

    Raises
    ------
    ApiError
        The client disconnected; the audit log has status 499.
    """
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK_EVERY_SECONDS))[0]:
            if await request.is_disconnected():
                raise ApiError(499, "gone", "the client has gone before its answer was there")
        return task.result()
    finally:
        task.cancel()
