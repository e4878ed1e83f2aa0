"""Definitions to begin with, one for each source; ``romashka kpi new`` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, str]] = {
    "queries": """\
id: slow_chat_share
title: Slow answers in chat
meaning: Share of chat queries that took longer than two seconds.
source: queries
formula:
  kind: share
  of: response_time_ms > 2000
  where: channel = 'web_chat'
direction: down
minimum_volume: 50
warning: 0.05
critical: 0.10
alert: 1h
""",
    "conversations": """\
id: quick_resolution_share
title: Resolved within ten minutes
meaning: Share of ended conversations that the assistant resolved alone within ten minutes.
source: conversations
formula:
  kind: share
  of: autonomous AND resolution_minutes <= 10
  where: ended
direction: up
minimum_volume: 50
""",
    "syncs": """\
id: lost_record_ratio
title: Records lost in syncs
meaning: Records that failed, for each record that was synced.
source: syncs
formula:
  kind: ratio
  numerator: records_failed
  denominator: records_synced
unit: ratio
direction: down
warning: 0.01
""",
}
"""Definitions by source."""
