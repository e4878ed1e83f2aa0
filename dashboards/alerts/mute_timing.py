"""The mute timing of warnings outside of working hours, as Grafana's provisioning file."""

from __future__ import annotations

import json
from typing import Any, Final

from models.working_hours import WEEK, WorkingHours

FILE: Final = "provisioning/alerting/working-hours.json"
NAME: Final = "romashka-out-of-hours"
# A year that is over: Grafana refuses a timing without intervals.
_NEVER: Final = {"years": ["1970"]}


def render(hours: WorkingHours) -> str:
    """Return the file: nights of working days and all of the others are muted."""
    timing = {"orgId": 1, "name": NAME, "time_intervals": _muted(hours) or [_NEVER]}
    return json.dumps({"apiVersion": 1, "muteTimes": [timing]}, indent=2) + "\n"


def _muted(hours: WorkingHours) -> list[dict[str, Any]]:
    nights = [
        {"start_time": begin, "end_time": end}
        for begin, end in (("00:00", hours.begin), (hours.end, "24:00"))
        if begin != end
    ]
    days, others = ([day for day in WEEK if (day in hours.days) is works] for works in (True, False))
    muted: list[dict[str, Any]] = []
    if nights:
        muted.append({"times": nights, "weekdays": days, "location": hours.time_zone})
    if others:
        muted.append({"weekdays": others, "location": hours.time_zone})
    return muted
