"""Groups anomalous intervals into episodes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

QUIET: Final = timedelta(minutes=10)
"""Time without an anomaly after which an episode ends."""


class Episode(NamedTuple):
    """A sequence of anomalous intervals with gaps of at most ``QUIET``.

    It lasts from the start of its first anomalous interval to the end of its last one so far; ``peak`` is the highest
    score, reached in the interval that starts at ``peak_at``.
    """

    start: datetime
    end: datetime
    peak: float
    peak_at: datetime
    is_open: bool = True


class EpisodeTracker:
    """Tracks one series, interval by interval.

    Parameters
    ----------
    interval
        Length of an interval.
    quiet
        Time without an anomaly after which an episode ends.
    """

    def __init__(self, interval: timedelta = timedelta(minutes=1), quiet: timedelta = QUIET) -> None:
        self._interval = interval
        self._quiet = quiet
        self._open: Episode | None = None

    @property
    def current(self) -> Episode | None:
        """The open episode."""
        return self._open

    def observe(self, at: datetime, score: float) -> tuple[Episode, ...]:
        """Add the score of the interval that starts at ``at``, above 1 for anomalous; return the changed episodes.

        An episode that opens or continues is returned open, an ended one closed; both where there is a gap in time.
        Intervals come in order of time.
        """
        closed = self.pass_time(at if score > 1.0 else at + self._interval)
        if score <= 1.0:
            return closed
        end = at + self._interval
        if self._open is None:
            self._open = Episode(at, end, score, at)
        elif score > self._open.peak:
            self._open = self._open._replace(end=end, peak=score, peak_at=at)
        else:
            self._open = self._open._replace(end=end)
        return (*closed, self._open)

    def pass_time(self, until: datetime) -> tuple[Episode, ...]:
        """Advance time without an anomaly; return the episode that has ended, if any."""
        if self._open is None or until - self._open.end < self._quiet:
            return ()
        closed = self._open._replace(is_open=False)
        self._open = None
        return (closed,)

    def to_state(self) -> dict[str, Any]:
        """Return the open episode as plain JSON values."""
        if self._open is None:
            return {}
        start, end, peak, peak_at, _ = self._open
        return {"start": start.isoformat(), "end": end.isoformat(), "peak": peak, "peak_at": peak_at.isoformat()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._open = (
            Episode(
                datetime.fromisoformat(state["start"]),
                datetime.fromisoformat(state["end"]),
                float(state["peak"]),
                datetime.fromisoformat(state["peak_at"]),
            )
            if state
            else None
        )
