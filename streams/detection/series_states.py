"""Loads and saves the states of monitors. An invalid state is never used, and its absence is always logged."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from detectors.state import StateSigner
from models.errors import StateRefused
from models.minutes import Series, place_of
from storage.detector_store import SavedState, StoredState
from streams.detection.series_monitor import SeriesMonitor
from streams.metrics import Metrics

log = logging.getLogger(__name__)


class SeriesStates:
    """Verifies and signs the states of series; for one thread at a time."""

    def __init__(self, seal: StateSigner, metrics: Metrics) -> None:
        self._seal = seal
        self._metrics = metrics

    def opened(self, stored: Iterable[StoredState]) -> dict[Series, SeriesMonitor]:
        """Return a monitor for each series with a valid state: the newest valid generation."""
        watches: dict[Series, SeriesMonitor] = {}
        refused: dict[Series, StateRefused] = {}
        for one in sorted(stored, key=lambda state: -state.version):
            if one.series in watches:
                continue
            try:
                watches[one.series] = self._opened(one)
            except StateRefused as reason:
                refused.setdefault(one.series, reason)
        for series, error in refused.items():
            self._say_refused(error, previous=series in watches)
        return watches

    def sealed(self, watches: Iterable[SeriesMonitor], partition: int) -> list[SavedState]:
        """Return the states to save, each marked as saved; a broken one is left out."""
        states = []
        for watch in watches:
            if watch.scored_through is None:
                continue
            watch.saved += 1
            watch.saved_through = watch.scored_through
            try:
                sealed = self._seal.seal(watch.to_state(), place_of(watch.series))
            except ValueError as error:
                self._metrics.states_broken.inc()
                log.error("the state of %s is broken and is not saved: %s", place_of(watch.series), error)  # noqa: TRY400
                continue
            states.append(SavedState(watch.series, partition, watch.scored_through, watch.saved, sealed))
        return states

    def _opened(self, stored: StoredState) -> SeriesMonitor:
        state = self._seal.open(stored.sealed, place_of(stored.series))
        try:
            return SeriesMonitor.from_state(stored.series, state)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # Signed correctly, but with other content: another version of the program wrote it.
            raise StateRefused(
                f"the state of {place_of(stored.series)} is of other detectors than these ({error!r})"
            ) from error

    def _say_refused(self, error: StateRefused, *, previous: bool) -> None:
        taken = "the one before it" if previous else "its history in ClickHouse"
        self._metrics.states_refused.labels("previous" if previous else "history").inc()
        log.error("%s; going on from %s", error, taken)
