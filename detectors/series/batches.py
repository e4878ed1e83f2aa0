"""Batches at fixed times of the day, told apart from the values between them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from detectors.series.season_profile import DAY

_SLOTS: Final = 288
# Values a day: with more than one in a slot, or an hour without one, no slot tells a batch.
_MIN_PER_DAY, _MAX_PER_DAY = 48.0, 300.0
# A high value is this many usual distances above the level, and this share of a batch.
_HIGH: Final = 2.0
_FAR: Final = 5.0
_HALF: Final = 0.5
# Cap of a value's effect on the level and on the usual distance, in usual distances; memory in values.
_MOST, _MAX_DISTANCE = 2.5, 4.0
_MEMORY: Final = 100
_MEMORY_BATCHES: Final = 60
_MEMORY_HITS: Final = (60, 8)
_COLD: Final = 20
# Days of high values that a slot remembers.
_MAX_COUNT: Final = 3
# Longest run of slots of a batch: what is longer is a season.
_LONGEST: Final = 3
# Periods in slots: those with at least four batches a day are known by a day, the others by slots.
_PERIODS: Final = (6, 12, 24, 36, 48, 72)
_REGULAR: Final = 0.7
_LEAST: Final = 4
# Share of predicted batches that come, and their number, before they are believed.
_RELIABLE: Final = 0.7
_PROVEN: Final = 6
_CAP: Final = 4.0
_MILD: Final = 1.0


class Batches:
    """Knows the times of day that had high values on days before, and how high and how variable they are."""

    __slots__ = ("_base", "_counts", "_distance", "_excess", "_hits", "_on", "_seen", "_spread", "_told", "_tried")

    def __init__(self) -> None:
        self._counts = bytearray(_SLOTS)
        self._base = 0.0
        self._distance = 0.0
        self._seen = 0
        self._excess = 0.0
        self._spread = 0.0
        self._told = 0
        # Share of batches that came, of those predicted by their period and by their slot, and their numbers.
        self._hits = [0.0, 0.0]
        self._tried = [0, 0]
        self._on = [False, False]

    def place(self, time: float, season: float, per_day: float) -> tuple[float, float]:
        """Return offset and factor of a value at this time: between batches ``(0, 1)``."""
        if not self._active(self._predicted(time, per_day)):
            return 0.0, 1.0
        factor = max(1.0, _MILD * self._spread / self._distance) if self._distance > 0.0 else 1.0
        # value = offset + factor * shown
        middle = season + self._base
        return middle + self._excess - factor * middle, factor

    def _active(self, which: int | None) -> bool:
        return which is not None and self._on[which] and self._hits[which] > 0.5

    def _predicted(self, time: float, per_day: float) -> int | None:
        if not _MIN_PER_DAY <= per_day <= _MAX_PER_DAY or self._seen < _COLD:
            return None
        slot, counts = _slot(time), self._counts
        step = max(1, round(_SLOTS / per_day))
        for period in _PERIODS:
            same = counts[slot % period :: period]
            visits = min(len(same), int(self._seen * step / period))
            if visits >= _LEAST:
                hits = len(same) - same.count(0)
                if hits >= _REGULAR * visits and self._short(slot, step, period):
                    return 0
        return 1 if counts[slot] > 1 and self._short(slot, step, _SLOTS) else None

    def _short(self, slot: int, step: int, period: int) -> bool:
        """Return whether the high slots around this one are few."""
        run = 1
        for way in (-step, step):
            at = slot + way
            while self._counts[at % _SLOTS]:
                run += 1
                if run > _LONGEST:
                    return False
                at += way
        return True

    def learn(self, time: float, value: float, season: float, per_day: float) -> int | None:
        """Learn a value; return whether batches were found just now."""
        if not _MIN_PER_DAY <= per_day <= _MAX_PER_DAY:
            return None
        rest = value - season
        if self._seen == 0:
            self._base = rest
        apart = rest - self._base
        which = self._predicted(time, per_day)
        active = self._active(which)
        if self._seen >= _COLD:
            self._count(_slot(time), which, apart)
        self._seen += 1
        if not active:
            memory = min(self._seen, _MEMORY)
            most = _MOST * self._distance if self._seen > 20 else abs(apart)
            self._base += min(max(apart, -most), most) / memory
            most = _MAX_DISTANCE * self._distance if self._seen > 20 else abs(apart)
            self._distance += (min(abs(apart), most) - self._distance) / memory
        if which is not None and not self._on[which] and self._tried[which] >= _PROVEN - 4 * which and self._hits[which] >= _RELIABLE:
            self._on[which] = True
            return which
        return None

    def _count(self, slot: int, which: int | None, apart: float) -> None:
        least = _HIGH * self._distance
        if any(self._on):
            least = max(least, _HALF * self._excess)
        high = apart > least
        if which == 0 or (which == 1 and self._counts[slot] == _MAX_COUNT):
            self._tried[which] = min(self._tried[which] + 1, _MEMORY_HITS[which])
            self._hits[which] += (high - self._hits[which]) / self._tried[which]
            error = apart - self._excess
            if self._told > 5:
                error = min(max(error, -_CAP * self._spread), _CAP * self._spread)
            if high:
                self._told = min(self._told + 1, _MEMORY_BATCHES)
                self._excess += error / self._told
            if (high and self._told > 1) or any(self._on):
                self._spread += (abs(error) - self._spread) / max(1, self._told - 1)
        count = self._counts[slot]
        if apart > max(least, _FAR * self._distance):
            self._counts[slot] = min(count + 2, _MAX_COUNT)
        else:
            self._counts[slot] = max(count, 1) if high else max(0, count - 1)

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        packed = bytes(
            sum(self._counts[at + place] << 2 * place for place in range(4)) for at in range(0, _SLOTS, 4)
        )
        numbers = [self._base, self._distance, self._seen, self._excess, self._spread, self._told]
        return [base64.b64encode(packed).decode(), *numbers, list(self._hits), list(self._tried), list(self._on)]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        packed, self._base, self._distance, self._seen, self._excess, self._spread, self._told, hits, tried, on = state
        self._counts = bytearray(byte >> 2 * place & 3 for byte in base64.b64decode(packed) for place in range(4))
        self._hits, self._tried, self._on = list(hits), list(tried), list(on)


def _slot(time: float) -> int:
    return int(time % DAY / DAY * _SLOTS) % _SLOTS
