"""A report before it is a file: figures and what they were before, tables, charts, words, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from dashboards.panel import Column
from kpis.kpi import Unit
from reports.request import ReportRequest

Row = dict[str, Any]
State = Literal["ok", "warning", "critical", "unknown"]


# With less than this share of the volume, the period before is another situation, not a baseline.
_COMPARABLE: Final = 0.1


class Figure(NamedTuple):
    """One key figure of the range, beside that of the range of the same length before."""

    id: str
    title: str
    meaning: str
    unit: Unit
    good: str
    version: int
    value: float | None
    n: float | None
    low: float | None
    high: float | None
    before: float | None
    before_n: float | None
    state: State
    notes: tuple[str, ...]

    @property
    def change(self) -> float | None:
        """How much it moved: a difference for shares and stars, else a share of what it was; ``None``: not known."""
        if self.value is None or self.before is None or (self.before_n or 0) < (self.n or 0) * _COMPARABLE:
            return None
        if self.unit in {Unit.RATIO, Unit.STARS, Unit.SCORE, Unit.MONEY_RATIO}:
            return self.value - self.before
        return (self.value - self.before) / abs(self.before) if self.before else None


class Exhibit(NamedTuple):
    """A table, and the chart that is drawn of it where it is not a table itself."""

    title: str
    description: str
    columns: tuple[Column, ...]
    rows: list[Row]
    chart: dict[str, Any] | None
    no_data: str


class Finding(NamedTuple):
    """An insight of the detectors, for people."""

    severity: str
    title: str
    summary: str
    provider: str
    started_at: datetime
    ended_at: datetime | None
    actions: tuple[str, ...]


class Provenance(NamedTuple):
    """Where the numbers come from and how complete they are.

    ``hashes`` are of the statements (SHA-256, 12 digits) by what they asked; ``watermark`` is the newest event that was
    stored when the report was made; ``late_hours`` counts the hours of the range that events still changed a day after
    they ended; ``restated`` the stored periods of business impact that late facts changed; ``uncounted_minutes`` says
    how old the first conversation was that roll-ups did not know yet.
    """

    made_at: datetime
    watermark: datetime | None
    late_hours: int
    dead_letters: int
    restated: int
    uncounted_minutes: int
    hashes: dict[str, str]


@dataclass(frozen=True)
class Report:
    """Everything that a renderer needs. ``breakdown`` has a row per integration; ``raw`` is empty unless asked for."""

    id: UUID
    request: ReportRequest
    about: str
    tenant: str
    summary: tuple[str, ...]
    figures: tuple[Figure, ...]
    breakdown: Exhibit
    exhibits: tuple[Exhibit, ...]
    findings: tuple[Finding, ...]
    recommendations: tuple[str, ...]
    raw: Exhibit | None
    provenance: Provenance
