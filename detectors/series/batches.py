"""Batches at fixed times of the day, told apart from the values between them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from detectors.series.season_profile import DAY

# Slots of five minutes, and the values a day for which a slot has at most one value and an hour at least two.
_SLOTS: Final = 288
_MIN_PER_DAY, _MAX_PER_DAY = 48.0, 300.0
# A high value is above the level by this many usual distances, and one far above it by this many.
_HIGH, _FAR = 2.0, 5.0
# Once batches are known, a high value is at least this share of one.
_HALF: Final = 0.5
# Cap of one value's effect on the level and on the usual distance, in usual distances; their memory in values.
_MOST, _MAX_DISTANCE = 2.5, 4.0
_MEMORY: Final = 100
_COLD: Final = 20
# A slot remembers a high value as 1 and one far above as 2 more, up to this; a value that is not high takes 1.
_MAX_COUNT: Final = 3
# Slots of one batch; a longer run of high values is a season.
_LONGEST: Final = 3
# Periods in slots that are told from one day, by the share of their slots that were high, of this many at least.
_PERIODS: Final = (6, 12, 24, 36, 48, 72)
_REGULAR: Final = 0.7
_MIN_VISITS: Final = 4
# By period and by slot: the number of predictions, their memory, and the share that came, to begin and to go on.
_PROVEN: Final = (6, 2)
_MEMORY_HITS: Final = (60, 8)
_BEGINS, _GOES_ON = 0.7, 0.5
# Memory of batches in their number, number that tells a spread, and the cap of one batch in spreads.
_MEMORY_BATCHES: Final = 60
_TOLD: Final = 5
_MAX_SPREAD: Final = 4.0

BY_PERIOD: Final = 0
"""Batches several times a day."""
BY_SLOT: Final = 1
"""Batches at the same times of every day."""


class Place(NamedTuple):
    """What a time is: ``predicted`` says by what a batch is expected, ``None`` where none is.

    A batch counts as ``(value - offset) / factor``: as far from the usual level as other batches are from each other.
    """

    predicted: int | None
    offset: float
    factor: float

    def reduced(self, value: float) -> float:
        """Return the value as it would be between batches."""
        return (value - self.offset) / self.factor

    def restored(self, value: float) -> float:
        """Return the value that ``reduced`` was given."""
        return self.offset + self.factor * value


_BETWEEN: Final = Place(None, 0.0, 1.0)


class Batches:
    """The times of day that had high values on days before, and how high and how variable those are.

    Periods of half an hour to six hours are known within a day, batches once or twice a day after three. They are used
    once predictions proved right, and as long as they do. For a value in half an hour to five minutes.
    """

    __slots__ = ("_base", "_counts", "_distance", "_excess", "_hits", "_on", "_seen", "_spread", "_told", "_tried")

    def __init__(self) -> None:
        self._counts = bytearray(_SLOTS)
        # Level and usual distance from it between batches, and the number of values.
        self._base = 0.0
        self._distance = 0.0
        self._seen = 0
        # Height of batches above the level, their usual distance from it, and their number.
        self._excess = 0.0
        self._spread = 0.0
        self._told = 0
        self._hits = [0.0, 0.0]
        self._tried = [0, 0]
        self._on = [False, False]

    def place(self, time: float, season: float, per_day: float) -> Place:
        """Return what the time is, for a value with this season."""
        if not _MIN_PER_DAY <= per_day <= _MAX_PER_DAY or self._seen < _COLD:
            return _BETWEEN
        predicted = self._predicted(_slot(time), max(1, round(_SLOTS / per_day)))
        if not self._is_active(predicted):
            return _BETWEEN if predicted is None else Place(predicted, 0.0, 1.0)
        factor = max(1.0, self._spread / self._distance) if self._distance > 0.0 else 1.0
        usual = season + self._base
        return Place(predicted, usual + self._excess - factor * usual, factor)

    def learn(self, time: float, value: float, season: float, per_day: float, place: Place) -> int | None:
        """Learn a value at a place; return by what batches are known from now on, if they were not before."""
        if not _MIN_PER_DAY <= per_day <= _MAX_PER_DAY:
            return None
        rest, which = value - season, place.predicted
        if self._seen == 0:
            self._base = rest
        apart = rest - self._base
        if self._seen >= _COLD:
            self._count(_slot(time), which, apart)
        self._seen += 1
        if not self._is_active(which):
            self._learn_usual(apart)
        if which is None or self._on[which] or self._tried[which] < _PROVEN[which] or self._hits[which] < _BEGINS:
            return None
        self._on[which] = True
        return which

    def _is_active(self, which: int | None) -> bool:
        return which is not None and self._on[which] and self._hits[which] > _GOES_ON

    def _predicted(self, slot: int, step: int) -> int | None:
        """Return by what a batch is predicted for a slot; ``step`` is the number of slots between values."""
        counts, days = self._counts, self._seen * step
        for period in _PERIODS:
            visits = min(_SLOTS, days) // period
            if visits >= _MIN_VISITS:
                same = counts[slot % period :: period]
                if len(same) - same.count(0) >= _REGULAR * visits and self._is_short(slot, step):
                    return BY_PERIOD
        return BY_SLOT if counts[slot] > 1 and self._is_short(slot, step) else None

    def _is_short(self, slot: int, step: int) -> bool:
        """Return whether few slots around this one were high."""
        run = 1
        for way in (-step, step):
            at = slot + way
            while self._counts[at % _SLOTS]:
                run += 1
                if run > _LONGEST:
                    return False
                at += way
        return True

    def _count(self, slot: int, which: int | None, apart: float) -> None:
        least = _HIGH * self._distance
        known = self._on[BY_PERIOD] or self._on[BY_SLOT]
        if known:
            least = max(least, _HALF * self._excess)
        is_high, count = apart > least, self._counts[slot]
        # A slot that was high but once predicts nothing that could be wrong.
        if which == BY_PERIOD or (which == BY_SLOT and count == _MAX_COUNT):
            tried = self._tried[which] = min(self._tried[which] + 1, _MEMORY_HITS[which])
            self._hits[which] += (is_high - self._hits[which]) / tried
            self._learn_batch(apart, is_high, known)
        if apart > max(least, _FAR * self._distance):
            self._counts[slot] = min(count + 2, _MAX_COUNT)
        else:
            self._counts[slot] = max(count, 1) if is_high else max(0, count - 1)

    def _learn_batch(self, apart: float, is_high: bool, known: bool) -> None:
        error = apart - self._excess
        if self._told > _TOLD:
            most = _MAX_SPREAD * self._spread
            error = min(max(error, -most), most)
        if is_high:
            self._told = min(self._told + 1, _MEMORY_BATCHES)
            self._excess += error / self._told
        # A batch that does not come is part of how variable they are, once they are known.
        if known or (is_high and self._told > 1):
            self._spread += (abs(error) - self._spread) / max(1, self._told - 1)

    def _learn_usual(self, apart: float) -> None:
        memory, distance = min(self._seen, _MEMORY), abs(apart)
        if self._seen > _COLD:
            most = _MOST * self._distance
            apart, distance = min(max(apart, -most), most), min(distance, _MAX_DISTANCE * self._distance)
        self._base += apart / memory
        self._distance += (distance - self._distance) / memory

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        packed = bytes(
            sum(count << 2 * place for place, count in enumerate(self._counts[at : at + 4]))
            for at in range(0, _SLOTS, 4)
        )
        usual = [self._base, self._distance, self._seen]
        batches = [self._excess, self._spread, self._told]
        counts = base64.b64encode(packed).decode()
        return [counts, usual, batches, list(self._hits), list(self._tried), list(self._on)]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        counts, usual, batches, hits, tried, on = state
        self._counts = bytearray(byte >> 2 * place & 3 for byte in base64.b64decode(counts) for place in range(4))
        self._base, self._distance, self._seen = usual
        self._excess, self._spread, self._told = batches
        self._hits, self._tried, self._on = list(hits), list(tried), list(on)


def _slot(time: float) -> int:
    return int(time % DAY / DAY * _SLOTS) % _SLOTS
