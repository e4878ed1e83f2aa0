"""From single anomalous intervals to episodes: one for as long as it lasts, however it flickers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

QUIET: Final = timedelta(minutes=10)
"""So long nothing must be anomalous for an episode to be over."""


class Episode(NamedTuple):
    """A stretch of anomalous intervals with no longer quiet between them than ``QUIET``.

    It lasts from the start of its first anomalous interval to the end of its last one so far; ``peak`` is the highest
    score, reached in the interval that starts at ``peak_at``.
    """

    start: datetime
    end: datetime
    peak: float
    peak_at: datetime
    is_open: bool = True


class EpisodeTracker:
    """Follows one series, interval by interval.

    Parameters
    ----------
    interval
        Length of an interval.
    quiet
        How long nothing must be anomalous for an episode to be over.
    """

    def __init__(self, interval: timedelta = timedelta(minutes=1), quiet: timedelta = QUIET) -> None:
        self._interval = interval
        self._quiet = quiet
        self._open: Episode | None = None

    @property
    def current(self) -> Episode | None:
        """The episode that is open."""
        return self._open

    def observe(self, at: datetime, score: float) -> tuple[Episode, ...]:
        """Take the score of the interval that starts at ``at``, above 1 for anomalous; return what changed.

        An episode that opens or goes on is returned open, one that is over closed; one of each where a gap in time
        lies between them. Intervals come in order of time.
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
        """Let time pass in which nothing anomalous was seen; return the episode that is over by then, if any."""
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
        """Take over what ``to_state`` returned."""
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
