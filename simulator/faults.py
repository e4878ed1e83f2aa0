"""Injects faults into a stream of messages and records them: malformed, duplicated, late."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from models.errors import SettingsError
from simulator.arrays import Ints
from simulator.malformations import KINDS, malform
from simulator.rows import Message
from simulator.seeds import Purpose, generator
from simulator.times import SECOND_MS, span_ms

_CREATED_AT: Final = re.compile(rb'(?<="created_at":")[^"]+')
# Of the late ones, so many carry an old event time; the others only arrive after their neighbours.
_BACKDATED_SHARE: Final = 0.25


class Malformed(NamedTuple):
    """A message as it was sent, and in which of ``malformations.KINDS`` it is not a valid event."""

    kind: str
    message: Message


@dataclass(frozen=True)
class Damaged:
    """A stream with faults, and the record of them.

    Attributes
    ----------
    messages
        The stream to send.
    valid
        Every valid event once, as it is sent: the expected totals.
    malformed
        The others, in the order of the undamaged stream.
    duplicates
        Number of ``messages`` that repeat an earlier one byte for byte.
    moved
        Number of delayed messages; their ``created_at`` is unchanged.
    backdated
        Number of messages with a ``created_at`` before their neighbours'.
    """

    messages: list[Message]
    valid: list[Message]
    malformed: list[Malformed]
    duplicates: int
    moved: int
    backdated: int


def damage(
    messages: Sequence[Message],
    *,
    seed: int,
    now: datetime,
    malformed: float = 0.01,
    duplicated: float = 0.02,
    late: float = 0.05,
    distance: int = 1_000,
    oldest: timedelta = timedelta(days=30),
) -> Damaged:
    """Return the stream with faults; deterministic.

    Parameters
    ----------
    messages
        Valid, distinct events of this simulator.
    seed
        0 or more.
    now
        Reference time of "ahead".
    malformed, duplicated, late
        Shares of the messages, 0..1; no message is both malformed and one of the others.
    distance
        A duplicate comes at most so many other events after its original, and a moved message after its place.
    oldest
        How far back event times go that are backdated.

    Raises
    ------
    SettingsError
        Shares that cannot be.
    """
    count = len(messages)
    broken, doubled, delayed = (round(share * count) for share in (malformed, duplicated, late))
    if min(broken, doubled, delayed, distance - 1) < 0 or broken + max(doubled, delayed) > count:
        raise SettingsError(
            "malformed, duplicated and late must be 0 to 1, malformed with either of the others at most 1, "
            "and distance at least 1"
        )
    rng = generator(seed, Purpose.FAULTS)
    shuffled = rng.permutation(count)
    bad, intact = shuffled[:broken], shuffled[broken:]
    late_rows = intact[:delayed]
    backdated, moved = np.split(late_rows, [round(delayed * _BACKDATED_SHARE)])
    repeated = rng.permutation(intact)[:doubled]

    sent = list(messages)
    for row in backdated.tolist():
        sent[row] = _backdate(sent[row], int(rng.integers(SECOND_MS, span_ms(oldest), endpoint=True)))
    record = []
    for row in np.sort(bad).tolist():
        topic, key, value = sent[row]
        kind = KINDS[int(rng.integers(len(KINDS)))]
        sent[row] = (topic, key, malform(kind, topic, value, rng, now))
        record.append(Malformed(kind, sent[row]))

    order = _delayed(rng, count, moved, distance)
    return Damaged(
        messages=[sent[row] for row in _repeated(rng, order, repeated, distance).tolist()],
        valid=[sent[row] for row in np.sort(intact).tolist()],
        malformed=record,
        duplicates=doubled,
        moved=len(moved),
        backdated=len(backdated),
    )


def _backdate(message: Message, by_ms: int) -> Message:
    topic, key, value = message

    def earlier(found: re.Match[bytes]) -> bytes:
        moment = datetime.fromisoformat(found.group().decode()) - timedelta(milliseconds=by_ms)
        return moment.isoformat(timespec="milliseconds").encode()

    return topic, key, _CREATED_AT.sub(earlier, value, count=1)


def _delayed(rng: np.random.Generator, count: int, rows: Ints, distance: int) -> Ints:
    place = np.arange(count, dtype=np.float64)
    place[rows] += rng.integers(1, distance, len(rows), endpoint=True) + 0.5
    return np.argsort(place, kind="stable")


def _repeated(rng: np.random.Generator, order: Ints, rows: Ints, distance: int) -> Ints:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    place = rank[rows] + rng.integers(1, distance, len(rows), endpoint=True) + 0.5
    both = np.concatenate([np.arange(len(order), dtype=np.float64), place])
    return np.concatenate([order, rows])[np.argsort(both, kind="stable")]
