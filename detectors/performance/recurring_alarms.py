"""Learns alarms that recur at the same hour every day, such as a nightly batch or a backup."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

# Weight of one day in the share of days with an alarm at an hour, and the share from which on it is recurring: after
# two days in a row, until three without.
_GAIN: Final = 0.3
_HABIT: Final = 0.45


class RecurringAlarms:
    """Share of recent days on which a channel alarmed, by hour of the day.

    Parameters
    ----------
    channels
        Their names.
    """

    __slots__ = ("_hour", "_loud", "_shares")

    def __init__(self, channels: Collection[str]) -> None:
        self._shares = {channel: [0.0] * 24 for channel in channels}
        self._hour: int | None = None
        self._loud: set[str] = set()

    def has(self, channel: str, hour: int) -> bool:
        """Return whether a channel's alarm at this hour is recurring."""
        return self._shares[channel][hour % 24] > _HABIT

    def note(self, hour: int, loud: Collection[str]) -> None:
        """Record the channels with an alarm now."""
        if hour != self._hour:
            self._close()
            self._hour = hour
        if loud:
            self._loud.update(loud)

    def _close(self) -> None:
        if self._hour is None:
            return
        of_day = self._hour % 24
        for channel, shares in self._shares.items():
            if shares[of_day] > 0.0 or channel in self._loud:
                moved = shares[of_day] + _GAIN * ((channel in self._loud) - shares[of_day])
                shares[of_day] = round(moved, 3)
        self._loud = set()

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values; zeros are left out."""
        shares = {
            channel: {str(hour): share for hour, share in enumerate(shares) if share > 0.0}
            for channel, shares in self._shares.items()
        }
        return {"shares": shares, "hour": self._hour, "loud": sorted(self._loud)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        for channel, shares in state["shares"].items():
            self._shares[channel] = [float(shares.get(str(hour), 0.0)) for hour in range(24)]
        self._hour = state["hour"]
        self._loud = set(state["loud"])
