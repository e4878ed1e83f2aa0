"""Who has gone keeps nothing running."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import Request

from api.problems import ApiError

Answer = TypeVar("Answer")
_LOOK_EVERY_SECONDS: Final = 0.25


async def unless_gone(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what ``work`` returns; cancel it as soon as the client has gone.

    Raises
    ------
    Refused
        The client has gone; the audit log has it as 499.
    """
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK_EVERY_SECONDS))[0]:
            if await request.is_disconnected():
                raise ApiError(499, "gone", "the client has gone before its answer was there")
        return task.result()
    finally:
        task.cancel()
