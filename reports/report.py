"""The format-independent content of a report: figures with previous values, tables, charts, narrative, provenance."""

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


# Minimum share of the volume for the previous period to be a baseline.
_COMPARABLE: Final = 0.1


class Figure(NamedTuple):
    """One key figure of the range, with that of the previous range of the same length.

    ``currency`` is that of an amount (ISO 4217); empty for other units, and where tenants have several or none.
    """

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
    currency: str = ""

    @property
    def change(self) -> float | None:
        """Its change: a difference for shares and stars, else relative; ``None``: unknown."""
        if self.value is None or self.before is None or (self.before_n or 0) < (self.n or 0) * _COMPARABLE:
            return None
        if self.unit in {Unit.RATIO, Unit.STARS, Unit.SCORE, Unit.MONEY_RATIO}:
            return self.value - self.before
        return (self.value - self.before) / abs(self.before) if self.before else None


class Exhibit(NamedTuple):
    """A table, and its chart if it has one."""

    title: str
    description: str
    columns: tuple[Column, ...]
    rows: list[Row]
    chart: dict[str, Any] | None
    no_data: str


class Finding(NamedTuple):
    """An insight of the detectors, for display."""

    severity: str
    title: str
    summary: str
    provider: str
    started_at: datetime
    ended_at: datetime | None
    actions: tuple[str, ...]


class Provenance(NamedTuple):
    """Provenance and completeness of the numbers.

    ``hashes`` are those of the statements (SHA-256, 12 digits) by name; ``watermark`` is the newest event that was
    stored when the report was made; ``late_hours`` counts the hours of the range that events still changed a day after
    they ended; ``restated`` the stored periods of business impact that late facts changed; ``uncounted_minutes`` is the
    age of the oldest conversation that was not in the roll-ups yet.
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
    """The input of a renderer. ``breakdown`` has a row per integration; ``raw`` is empty unless requested.

    ``currency`` is that of amounts in tables (ISO 4217); empty where tenants have several or none.
    """

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
    currency: str = ""
