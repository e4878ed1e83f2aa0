"""Keyset pagination: each page begins after the last row of the previous one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from models.errors import SettingsError

Part = datetime | UUID | int | str
MAX_CURSOR: Final = 1_200
"""Maximum length of a cursor in characters."""
PATTERN: Final = r"^[A-Za-z0-9_-]{1,1200}$"
_WRONG: Final = "expected the cursor that the page before ended with"
Row = TypeVar("Row")


class Listing(StrEnum):
    """A list with pages. A cursor names its list: the sort columns of two lists may look alike."""

    AUDIT = "audit log"
    DEAD_LETTERS = "dead letters"
    DEPLOYMENTS = "deployments"
    INSIGHTS = "insights"
    KEYS = "API keys"
    REPORTS = "reports"
    SCHEDULES = "schedules"


class Page(NamedTuple, Generic[Row]):
    """Rows of a list and the cursor of the next page; ``None`` on the last page."""

    rows: list[Row]
    next: str | None = None


def cursor(listing: Listing, *parts: Part) -> str:
    """Return the cursor of a row of a list: its sort columns, times to the millisecond."""
    plain = [listing, *(_plain(part) for part in parts)]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def parts_of(text: str, name: str, listing: Listing, *kinds: type[Part]) -> list[Any]:
    """Return the sort columns of a cursor.

    Parameters
    ----------
    name
        The name of the parameter, for errors.
    kinds
        The type of each column.

    Raises
    ------
    SettingsError
        It is not a cursor of this list.
    """
    try:
        named, *parts = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        of = Listing(named)
        found = [_read(part, kind) for part, kind in zip(parts, kinds, strict=True)] if of is listing else []
    except (ValueError, TypeError, OverflowError, OSError, RecursionError, binascii.Error):
        raise SettingsError(f"{name}: {_WRONG}") from None
    if of is not listing:
        raise SettingsError(f"{name}: this cursor is of the list of {of}; {_WRONG}, of {listing}")
    return found


def page_of(rows: Sequence[Row], limit: int, mark: Callable[[Row], str]) -> Page[Row]:
    """Return the page of ``limit`` rows from ``limit + 1`` that were read; ``mark`` returns a row's cursor."""
    return Page(list(rows[:limit]), mark(rows[limit - 1]) if len(rows) > limit else None)


def _plain(part: Part) -> int | str:
    if isinstance(part, datetime):
        return round(part.timestamp() * 1000)
    return part.hex if isinstance(part, UUID) else part


def _read(part: object, kind: type[Part]) -> object:
    if kind is datetime and isinstance(part, int):
        return datetime.fromtimestamp(part / 1000, UTC)
    if kind is UUID and isinstance(part, str):
        return UUID(part)
    if isinstance(part, kind) and not isinstance(part, bool):
        return part
    raise TypeError(_WRONG)
