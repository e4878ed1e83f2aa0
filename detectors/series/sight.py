"""What the channels of the series detector see of one value."""

from __future__ import annotations

from typing import NamedTuple

from detectors.series.batches import Place
from detectors.series.channel import Deviation
from detectors.series.signals import CHANNELS


class Sight(NamedTuple):
    """Views of a value by all channels; ``season`` and ``noise`` are those of its time.

    ``hours`` is the view of the mean of three hours by those of earlier days, ``scatter`` that of the size of
    deviations; they are ``None`` soon after a gap in time.
    """

    place: Place
    season: float
    noise: float
    looks: list[Deviation]
    level: Deviation
    hours: Deviation | None
    scatter: Deviation | None

    def of(self, channel: str) -> Deviation:
        """Return the view of a channel, of which there is one."""
        if channel == "level":
            return self.level
        if channel == "same_hours" and self.hours is not None:
            return self.hours
        if channel == "noise" and self.scatter is not None:
            return self.scatter
        # A flatline has no channel of its own: its range is that of the value.
        return self.looks[0 if channel == "flatline" else CHANNELS.index(channel)]
