"""For how long things are kept, and so which times an event may have."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# The TTL of the event tables, windows and roll-ups (sinks/schema); a test compares them. What is older is never stored.
EVENT_RETENTION: Final = timedelta(days=400)
# A sync that is said to be older is a default value of the connector, not a moment.
MAX_SYNC_AGE: Final = timedelta(days=3_653)
# How far a producer's clock may be ahead of ours.
MAX_AHEAD: Final = timedelta(minutes=5)
