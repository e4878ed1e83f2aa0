"""Python values as the plain values that JSON knows."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

# The one bound of the contract that a JSON Schema has no word for.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def uuid_text(value: object) -> str | None:
    """Return a UUID, or its usual text, in lower case; ``None`` for anything else.

    One spelling only: the tenant's is the message key, and two spellings would be two partitions.
    """
    if isinstance(value, UUID):
        return UUID.__str__(value)  # whatever a class of its own shows
    if isinstance(value, str) and _UUID.fullmatch(value):
        return str.lower(value)
    return None


def moment_text(value: object) -> str | None:
    """Return an aware datetime between 2000 and 2200 as ISO-8601 in UTC; ``None`` for anything else."""
    if not isinstance(value, datetime):
        return None
    try:
        moment = None if value.utcoffset() is None else value.astimezone(UTC)
    except Exception:  # noqa: BLE001 - a time zone is the caller's code, whose errors say that there is none
        return None
    if moment is None or not EARLIEST <= moment <= LATEST:
        return None
    # Not by a class of its own: that of pandas has nanoseconds.
    return datetime.isoformat(moment)


def number(value: object) -> float | None:
    """Return a number, a ``Decimal`` as a float; ``None`` for anything else.

    Every amount that the contract allows survives this exactly: it has fifteen digits, which a float keeps.
    """
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else float(value)
    return value if isinstance(value, int | float) else None


def to_json(value: Any) -> bytes | None:
    """Return compact JSON in UTF-8; ``None`` where JSON or UTF-8 has no form for it (NaN, half a surrogate pair)."""
    try:
        return _ENCODER.encode(value).encode()
    except ValueError:
        return None
