"""A board to begin with; ``romashka boards new`` writes it."""

from __future__ import annotations

from typing import Final

_EXAMPLE: Final = """\
id: {id}
title: {title}
about: What we look at each morning.
range: 7d
rows:
  - title: Now
    panels:
      - figure: query_success_rate
      - figure: durable_resolution_rate
      - figure: csat
      - figure: handoff_rate
  - title: Over time
    panels:
      - figure: durable_resolution_rate
        show: line
        every: day
        by: [channel]
      - figure: error_rate
        show: bars
        by: [provider]
  - title: Why
    panels:
      - analysis: gaps
        order: lost_value
        limit: 10
        width: 16
      - analysis: channels
        show: bars
        of: conversations
        width: 8
"""


def example(id_: str) -> str:
    """Return the text of a board with an id, such as ``support-lead``."""
    return _EXAMPLE.format(id=id_, title=id_.replace("-", " ").capitalize())
