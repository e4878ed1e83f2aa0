"""The definition of an alert rule, for Grafana and for the replay over history (``dashboards.alerts.replay``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from kpis.sql.dialect import Dialect

Level = Literal["warning", "critical"]
Team = Literal["integrations", "business", "pipeline"]
Shown = Literal["percent", "milliseconds", "minutes", "times", "state"]


@dataclass(frozen=True)
class Rule:
    """One rule, with a line for each level.

    Parameters
    ----------
    id
        Stable; the uid is made from it and the level.
    ask
        Returns the statement: text columns, which become labels, and one number, ``value``; a row for each set of
        labels, none where too little is known to judge.
    over
        The range that the question is about, up to ``LATE`` before now.
    lines
        Where each level begins.
    below
        Whether low values are bad; else high ones are.
    wait, keep
        How long it must hold before it fires, and for how long it stays after.
    tab, panel
        Where to look.
    seen, expected, action
        The message, in words. ``{value}``, ``{tenant}`` and the names of labels in braces are filled in when it is
        sent, ``{line}`` with the level's line.
    runbook
        The heading of ``docs/runbook.md``.
    every
        How often it is evaluated.
    finds
        Kinds of the simulator's incidents that this rule is there for; the replay judges it by them.
    """

    id: str
    title: str
    team: Team
    ask: Callable[[Dialect], str]
    over: timedelta
    lines: Mapping[Level, float]
    wait: timedelta
    keep: timedelta
    shown: Shown
    tab: str
    panel: int
    seen: str
    expected: str
    action: str
    runbook: str
    below: bool = False
    every: timedelta = timedelta(minutes=1)
    needs_server: bool = False
    finds: tuple[str, ...] = ()

    def uid(self, level: Level) -> str:
        """Return the uid of the rule at a level."""
        return f"romashka-{self.id}-{level}"

    def holds(self, value: float, level: Level) -> bool:
        """Return whether a value is beyond the line of a level."""
        line = self.lines[level]
        return value < line if self.below else value > line


LATE = timedelta(seconds=30)
"""Rules look at what was 30 seconds ago: by then it is written."""
