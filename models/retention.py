"""Retention, and the range of event times that follows from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# The TTL of the event tables, windows and roll-ups (sinks/schema); a test compares them. Older events are rejected.
EVENT_RETENTION: Final = timedelta(days=400)
# An older last sync is a default value of the connector, not a real time.
MAX_SYNC_AGE: Final = timedelta(days=3_653)
# The allowed clock skew of producers.
MAX_AHEAD: Final = timedelta(minutes=5)
