"""The exception tree.

TrackerError          anything this package raises on purpose; its message is meant for people
├── InvalidEvent      an argument breaks the contract of the event; names the field, never shows the value
├── InvalidSecurity   a certificate or key cannot be used; names the file and why
├── BufferFull        there is no room for one more event (only with ``BufferPolicy.RAISE``)
├── TrackerClosed     the tracker, or its transport, is not running
├── DeliveryFailed    ``flush`` or ``close`` ran out of time with events still waiting
├── Unreachable       a transport could not connect; the tracker waits and tries again
└── NotDelivered      a transport could not deliver part of a batch; the tracker tries that part again

The last two are between a transport and the tracker: no method of the tracker raises them.
"""

from __future__ import annotations

from collections.abc import Sequence


class TrackerError(Exception):
    """Base of every error raised on purpose: says what happened and what to do next."""


class InvalidEvent(TrackerError):
    """An argument breaks the contract of the event.

    Parameters
    ----------
    event
        The kind of event, for example ``QueryEvent``.
    field
        The argument at fault.
    problem
        What was expected and what kind of thing was given instead. Never holds the value: it may be personal data.
    """

    def __init__(self, event: str, field: str, problem: str) -> None:
        super().__init__(f"{event}.{field}: {problem}")
        self.event = event
        self.field = field


class InvalidSecurity(TrackerError):
    """A certificate or key for the connection to Kafka cannot be used; names the argument, the file and why."""


class BufferFull(TrackerError):
    """There is no room for one more event; the event was not accepted."""


class TrackerClosed(TrackerError):
    """The tracker, or its transport, is not running: not started yet, or closed."""


class DeliveryFailed(TrackerError):
    """Time ran out with events still waiting for their acknowledgement.

    Parameters
    ----------
    outstanding
        How many events those are.
    """

    def __init__(self, outstanding: int) -> None:
        super().__init__(
            f"Events not acknowledged yet: {outstanding}. The log of 'romashka_tracker' says why; check that "
            "the broker is up and the topics exist, or allow more time."
        )
        self.outstanding = outstanding


class Unreachable(TrackerError):
    """A transport could not connect; names the server and what to check."""


class NotDelivered(TrackerError):
    """A transport could not deliver part of a batch.

    Parameters
    ----------
    reason
        Why, without any event's contents.
    positions
        Which messages of the batch were not acknowledged, as ascending positions in it.
    """

    def __init__(self, reason: str, positions: Sequence[int]) -> None:
        super().__init__(reason)
        self.positions = positions
