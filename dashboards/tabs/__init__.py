"""The tabs, one module each."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Tab
from dashboards.tabs import (
    ai_performance,
    business_impact,
    conversation_intelligence,
    executive,
    integration_health,
    pipeline,
    predictive,
    real_time,
)

ALL: Final[tuple[Tab, ...]] = (
    executive.TAB,
    integration_health.TAB,
    ai_performance.TAB,
    business_impact.TAB,
    conversation_intelligence.TAB,
    predictive.TAB,
    real_time.TAB,
    pipeline.TAB,
)
"""Every tab, in the order in which they are linked."""
