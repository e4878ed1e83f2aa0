"""The present moment as text."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from romashka_tracker.wire import moment_text

_SECOND: Final = 1_000_000_000
_MICROSECOND: Final = 1_000


class Moments:
    """Writes the present moment as ``datetime.now(UTC).isoformat()`` does; the text of a second is made once."""

    def __init__(self) -> None:
        self._second: tuple[int, str | None] = (-1, None)  # one object: threads see both or neither

    def now(self) -> str | None:
        """Return the present moment; ``None`` where the clock is outside of what the contract allows."""
        second, rest = divmod(time.time_ns(), _SECOND)
        known, text = self._second
        if known != second:
            text = moment_text(datetime.fromtimestamp(second, UTC))
            text = text and text.removesuffix("+00:00")
            self._second = (second, text)
        if text is None:
            return None
        microsecond = rest // _MICROSECOND
        return f"{text}.{microsecond:06d}+00:00" if microsecond else f"{text}+00:00"
