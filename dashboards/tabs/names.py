"""The register of tabs: uids (stable, because links, alerts and bookmarks use them), titles and modules."""

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
MODULES: Final = {
    EXECUTIVE: "executive",
    HEALTH: "integration_health",
    AI_PERFORMANCE: "ai_performance",
    BUSINESS: "business_impact",
    CONVERSATIONS: "conversation_intelligence",
    PREDICTIVE: "predictive",
    REAL_TIME: "real_time",
    PIPELINE: "pipeline",
}
"""Modules of the tabs by uid; each has its tab as ``TAB``."""
