"""Publish integration events to ROMASHKA's analytics without delaying the caller."""

from romashka_tracker.blocking import BlockingTracker
from romashka_tracker.buffer import BufferPolicy, Counters
from romashka_tracker.errors import (
    BufferFull,
    DeliveryFailed,
    InvalidEvent,
    InvalidSecurity,
    NotDelivered,
    TrackerClosed,
    TrackerError,
    Unreachable,
)
from romashka_tracker.http import HttpTransport
from romashka_tracker.kafka import KafkaTransport
from romashka_tracker.memory import MemoryTransport
from romashka_tracker.security import KafkaSecurity
from romashka_tracker.tracker import IntegrationTracker
from romashka_tracker.transport import Message, Transport

__all__ = [
    "BlockingTracker",
    "BufferFull",
    "BufferPolicy",
    "Counters",
    "DeliveryFailed",
    "HttpTransport",
    "IntegrationTracker",
    "InvalidEvent",
    "InvalidSecurity",
    "KafkaSecurity",
    "KafkaTransport",
    "MemoryTransport",
    "Message",
    "NotDelivered",
    "TrackerClosed",
    "TrackerError",
    "Transport",
    "Unreachable",
]
