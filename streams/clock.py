"""The worker's clock: it goes on evenly whatever is done to the machine's.

What arrives is judged by it: what is too old or in the future, when a silent minute closes, when a report is due. A
machine's clock that jumps an hour ahead would make every event late for an hour; one that is a year behind would make
dead letters that the database forgets at once. So the worker takes the time at its start, where the machine and
ClickHouse agree, and counts on from there. Small differences, such as a clock that NTP corrects, are followed slowly.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Final, NamedTuple

from models.counting import counted
from models.errors import ConfigurationError, RomashkaError, Unreachable
from models.retention import MAX_AHEAD
from streams.metrics import Metrics

log = logging.getLogger(__name__)

# A clock that counts the time that a machine slept, too, where there is one.
_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", None)
uptime: Final[Callable[[], float]] = time.monotonic if _BOOTTIME is None else partial(time.clock_gettime, _BOOTTIME)

# How much of the time that passes may be spent on correcting: a minute of difference takes fifty.
_SLEW: Final = 0.02
# What two of three clocks say is followed up to here; beyond it somebody set a clock.
LARGEST_CORRECTION: Final = MAX_AHEAD
# A difference that is logged.
NOTABLE: Final = timedelta(seconds=5)
# So long both other clocks may agree on another time before the worker ends, to start with that.
_PATIENCE_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 15.0
_TELL_SECONDS: Final = 600.0
_SLOWEST_ANSWER: Final = 2.0


class Offsets(NamedTuple):
    """Other clocks minus the worker's, in seconds; ``database`` is ``None`` before the first answer of ClickHouse."""

    machine: float
    database: float | None


class SteadyClock:
    """Tells the time, evenly and never backwards. May be called from any thread.

    Parameters
    ----------
    wall
        The machine's clock, in seconds since 1970.
    monotonic
        Seconds of a monotonic clock.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = uptime) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = Lock()
        self._database: float | None = None  # its time less that of the monotonic clock
        self._at = monotonic()
        self._now = wall()

    def __call__(self) -> datetime:
        """Return now, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        """Return now, in seconds since 1970."""
        with self._lock:
            at = self._monotonic()
            passed = max(at - self._at, 0.0)
            steady = self._now + passed
            step = min(max(self._correction(steady, at), -_SLEW * passed), _SLEW * passed)
            self._at, self._now = at, steady + step
            return self._now

    def compare(self, database: float, began: float, ended: float) -> None:
        """Take what the database said between two moments of the monotonic clock; a slow answer says nothing."""
        if ended - began <= _SLOWEST_ANSWER:
            with self._lock:
                self._database = database - (began + ended) / 2

    def moment(self) -> float:
        """Return the monotonic clock's time, in seconds."""
        return self._monotonic()

    def offsets(self) -> Offsets:
        """Return how far the other clocks are from this one."""
        now = self.seconds()
        known = self._database
        return Offsets(self._wall() - now, None if known is None else known + self._monotonic() - now)

    def _correction(self, steady: float, at: float) -> float:
        """Return what two of the three clocks say is wrong with this one, 0 where that is more than a correction."""
        if self._database is None:
            return 0.0
        difference = sorted((0.0, self._wall() - steady, self._database + at - steady))[1]
        return difference if abs(difference) <= LARGEST_CORRECTION.total_seconds() else 0.0


class ClockWatch:
    """Compares the worker's clock with the machine's and the database's, and says when they differ.

    Parameters
    ----------
    ask
        Returns the database's time in seconds since 1970; blocks, and may raise ``Unreachable``.
    """

    def __init__(self, clock: SteadyClock, ask: Callable[[], float], metrics: Metrics) -> None:
        self._clock = clock
        self._ask = ask
        self._metrics = metrics
        self._told: dict[str, float] = {}
        self._outvoted_since: float | None = None

    def begin(self) -> None:
        """Compare for the first time; blocks.

        Raises
        ------
        ConfigurationError
            The machine's clock and the database's are minutes apart, and it is unknown which one is right.
        Unreachable
            ClickHouse does not say what time it is.
        """
        self._compare()
        offset = self._clock.offsets().database
        if offset is not None and abs(offset) > LARGEST_CORRECTION.total_seconds():
            own = self._clock()
            raise ConfigurationError(
                f"the clocks of this machine and of ClickHouse are {_span(offset)} apart: this machine says "
                f"{own:%Y-%m-%d %H:%M:%S}, ClickHouse {own + timedelta(seconds=offset):%Y-%m-%d %H:%M:%S} "
                "(UTC). Set the wrong one right (NTP), then start the worker again; nothing was read"
            )

    async def run(self) -> None:
        """Compare for ever; cancel to stop.

        Raises
        ------
        RomashkaError
            Both other clocks were set to another time, and stayed there.
        """
        while True:
            try:
                await asyncio.to_thread(self._compare)
            except Unreachable as error:
                log.debug("the database's clock is not known: %s", error)
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Export how far the clocks are apart, and say it; raises as ``run`` does."""
        offsets = self._clock.offsets()
        self._tell("machine", "this machine's clock", offsets.machine)
        if offsets.database is not None:
            self._tell("clickhouse", "ClickHouse's clock", offsets.database)
        self._count_votes(offsets)

    def _compare(self) -> None:
        began = self._clock.moment()
        self._clock.compare(self._ask(), began, self._clock.moment())

    def _tell(self, label: str, whose: str, offset: float) -> None:
        self._metrics.clock_offset.labels(label).set(offset)
        now = self._clock.moment()
        if abs(offset) < NOTABLE.total_seconds():
            if self._told.pop(label, None) is not None:
                log.info("%s is right again", whose)
        elif now - self._told.get(label, -_TELL_SECONDS) >= _TELL_SECONDS:
            self._told[label] = now
            log.warning(
                "%s is %s %s the worker's: look at NTP there. Events are judged by the worker's clock, which goes "
                "on evenly",
                whose,
                _span(offset),
                "ahead of" if offset > 0 else "behind",
            )

    def _count_votes(self, offsets: Offsets) -> None:
        now, most = self._clock.moment(), LARGEST_CORRECTION.total_seconds()
        machine, database = offsets.machine, offsets.database
        agree = database is not None and abs(machine - database) < most
        if not agree or abs(machine) <= most:
            self._outvoted_since = None
        elif self._outvoted_since is None:
            self._outvoted_since = now
        elif now - self._outvoted_since >= _PATIENCE_SECONDS:
            raise RomashkaError(
                f"the clocks of this machine and of ClickHouse were both set by {_span(machine)} and stayed there: the "
                "worker's own must have been wrong when it started; start it again, it goes on with the new time"
            )


class CarriedClock:
    """Continues monotonically from the last time that it was given."""

    def __init__(self, monotonic: Callable[[], float] = uptime) -> None:
        self._monotonic = monotonic
        self._told: tuple[datetime, float] | None = None

    def tell(self, now: datetime) -> None:
        """Take what time it is."""
        self._told = (now, self._monotonic())

    def __call__(self) -> datetime:
        """Return now, in UTC; the machine's time where it was given none."""
        if self._told is None:
            return datetime.now(UTC)
        now, at = self._told
        return now + timedelta(seconds=self._monotonic() - at)


def _span(seconds: float) -> str:
    span = abs(seconds)
    if span < 600:
        return f"{span:.0f} s"
    return counted(round(span / 60), "minute") if span < 172_800 else counted(round(span / 86_400), "day")
