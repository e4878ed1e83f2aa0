"""What alarms at the same hour day after day is a habit: a nightly batch, a backup, a rush when the shop opens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

# How far one day moves the share of days on which an hour alarms, and from what share on it is a habit: after two days
# in a row, and until three have passed without.
_GAIN: Final = 0.3
_HABIT: Final = 0.45


class RecurringAlarms:
    """Share of the latest days on which a channel alarmed, by hour of the day.

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
        """Return whether a channel is used to alarm at this hour."""
        return self._shares[channel][hour % 24] > _HABIT

    def note(self, hour: int, loud: Collection[str]) -> None:
        """Take note of the channels that would alarm now."""
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
        """Return everything it knows as plain values: only what is not 0."""
        shares = {
            channel: {str(hour): share for hour, share in enumerate(shares) if share > 0.0}
            for channel, shares in self._shares.items()
        }
        return {"shares": shares, "hour": self._hour, "loud": sorted(self._loud)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what ``to_state`` returned."""
        for channel, shares in state["shares"].items():
            self._shares[channel] = [float(shares.get(str(hour), 0.0)) for hour in range(24)]
        self._hour = state["hour"]
        self._loud = set(state["loud"])
