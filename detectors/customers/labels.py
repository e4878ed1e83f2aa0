"""Delayed labels: snapshots of customers, their outcomes, and when an outcome was known.

A snapshot waits in a durable queue until its label arrives: when the outcome happens, else at its due date. Models
learn labels at their due date, even those that arrived earlier: learning positives early and negatives late would bias
a young model towards positives (docs/models/churn.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zlib import crc32

_EPOCH: Final = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday


class Task(NamedTuple):
    """A prediction task.

    A label is positive when one of ``outcomes`` happens within ``horizon`` of the snapshot or, with ``silence``, when
    the customer does not return at all; else it is negative, which is known at the horizon.
    """

    model: str
    horizon: timedelta
    outcomes: tuple[str, ...]
    silence: bool


class Snapshot(NamedTuple):
    """The features of a customer (of a tenant as a whole where ``customer_id`` is empty) at a time."""

    user_id: UUID
    customer_id: str
    at: datetime
    due_at: datetime
    features: dict[str, float]


class Label(NamedTuple):
    """The outcome of a snapshot, and when it was known."""

    snapshot: Snapshot
    positive: bool
    arrived_at: datetime


class LabelOutcome(NamedTuple):
    """Events between a snapshot and its due date or now, whichever is earlier."""

    snapshot: Snapshot
    happened_at: datetime | None
    visits: int


def slots(first_event: datetime, now: datetime, every: timedelta, most: int) -> list[datetime]:
    """Return the times of snapshots from the first event up to now, at most the last ``most``, oldest first.

    They are multiples of ``every`` from a Monday 00:00 UTC on, so that every run uses the same ones.
    """
    last = _EPOCH + (now - _EPOCH) // every * every
    count = min(most, max(0, -(-(last - first_event) // every)))
    return [last - number * every for number in range(count - 1, -1, -1)]


def without(
    snapshots: Sequence[Snapshot], queued: Mapping[tuple[UUID, str], dict[str, float] | None]
) -> list[Snapshot]:
    """Return the snapshots of a time that are not queued with these features; a customer is queued once for each time.

    ``queued`` has the features of those that are, ``None`` for those whose label is known, which stay as they are.
    """
    fresh = {(one.user_id, one.customer_id): one for one in snapshots}
    return [
        one
        for key, one in fresh.items()
        if key not in queued or ((features := queued[key]) is not None and features != one.features)
    ]


def resolve(task: Task, fates: Sequence[LabelOutcome], now: datetime) -> list[Label]:
    """Return the labels known by now; the other snapshots stay queued."""
    labels = []
    for fate in fates:
        due = fate.snapshot.due_at
        if fate.happened_at is not None and fate.happened_at <= min(due, now):
            labels.append(Label(fate.snapshot, positive=True, arrived_at=fate.happened_at))
        elif due <= now:
            labels.append(Label(fate.snapshot, positive=task.silence and fate.visits == 0, arrived_at=due))
    return labels


def once(labels: Sequence[Label]) -> list[Label]:
    """Return labels without duplicates of a snapshot; the one that arrived first counts."""
    found: dict[tuple[UUID, str, datetime], Label] = {}
    for one in labels:
        key = (one.snapshot.user_id, one.snapshot.customer_id, one.snapshot.at)
        if key not in found or one.arrived_at < found[key].arrived_at:
            found[key] = one
    return list(found.values())


def some(labels: Sequence[Label], most: int) -> list[Label]:
    """Return all labels of a stable sample of customers, of about ``most`` labels."""
    share = 1
    while len(labels) > most * share:
        share *= 2
    return [one for one in labels if crc32(f"{one.snapshot.user_id}{one.snapshot.customer_id}".encode()) % share == 0]


def in_order(labels: Sequence[Label]) -> Iterator[tuple[Snapshot | None, Label | None]]:
    """Yield snapshots at their times and labels at their due dates: ``(snapshot, None)`` or ``(None, label)``.

    Labels that are due at the time of a snapshot come before it. Items of equal time are ordered by a hash: ordered by
    tenant, an online model would follow each tenant in turn.
    """
    events: list[tuple[datetime, bool, int, int]] = []
    labels = sorted(labels, key=lambda one: (one.snapshot.at, one.snapshot.user_id, one.snapshot.customer_id))
    for number, label in enumerate(labels):
        mixed = crc32(f"{label.snapshot.user_id}{label.snapshot.customer_id}{label.snapshot.at}".encode())
        events.append((label.snapshot.due_at, False, mixed, number))
        events.append((label.snapshot.at, True, mixed, number))
    for _, is_snapshot, _, number in sorted(events):
        yield (labels[number].snapshot, None) if is_snapshot else (None, labels[number])
