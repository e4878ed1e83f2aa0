"""The state of a schedule for display: last delivery, and reasons for failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from kpis.display import local
from models.counting import counted
from reports.delivery_log import DeliveryKey, DeliveryStatus
from reports.schedule import Schedule, recipient_key


def last_sent(schedule: Schedule, statuses: Mapping[DeliveryKey, DeliveryStatus]) -> datetime | None:
    """Return the time of the last delivery; ``None`` where the delivery log has none."""
    return max(
        (one.happened_at for place, one in statuses.items() if place.schedule == schedule.id and one.state == "sent"),
        default=None,
    )


def state(schedule: Schedule, statuses: Mapping[DeliveryKey, DeliveryStatus], now: datetime) -> str:
    """Return ``ok``, ``paused``, or the failed deliveries with their next attempt."""
    if not schedule.active:
        return "paused"
    return "; ".join(dict.fromkeys(_troubles(schedule, statuses, now))) or "ok"


def _troubles(schedule: Schedule, statuses: Mapping[DeliveryKey, DeliveryStatus], now: datetime) -> Iterator[str]:
    """Yield the failed deliveries of the newest period of each recipient."""
    mine = [place for place in statuses if place.schedule == schedule.id]
    for recipient in schedule.recipients:
        key = recipient_key(recipient)
        newest = max((place for place in mine if place.key == key), key=lambda place: place.period, default=None)
        if newest is None:
            continue
        status = statuses[newest]
        again = "soon" if status.until is None else f"at {local(status.until, schedule.time_zone)}"
        if status.given_up(now):
            why = status.detail or "the workers stopped on the way"
            yield f"gave up after {counted(status.attempts, 'attempt')}: {why}"
        elif status.state == "failed":
            yield f"attempt {status.attempts} failed, next {again}: {status.detail}"
        elif status.state == "claimed":
            yield f"attempt {status.attempts} is on its way; another begins {again} where it does not end"
