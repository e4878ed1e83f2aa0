"""The uids of the tabs: links, alerts and bookmarks name them, so they stay."""

from __future__ import annotations

from typing import Final

EXECUTIVE: Final = "romashka-executive"
HEALTH: Final = "romashka-health"
AI_PERFORMANCE: Final = "romashka-ai"
BUSINESS: Final = "romashka-business"
CONVERSATIONS: Final = "romashka-conversations"
PREDICTIVE: Final = "romashka-predictive"
REAL_TIME: Final = "romashka-realtime"
PIPELINE: Final = "romashka-pipeline"
TITLES: Final = {
    EXECUTIVE: "Executive Overview",
    HEALTH: "Integration Health",
    AI_PERFORMANCE: "AI Performance",
    BUSINESS: "Business Impact",
    CONVERSATIONS: "Conversation Intelligence",
    PREDICTIVE: "Predictive Analytics",
    REAL_TIME: "Real-Time Integration Monitor",
    PIPELINE: "Pipeline Health",
}
"""Titles of the tabs by uid, in the order of reading."""
