"""A group of incidents of several tenants with a common cause at their provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from math import prod
from statistics import median
from typing import Any, Final
from uuid import UUID

from detectors.incidents.formatting import number, provider_name, when
from detectors.incidents.kinds import KINDS, actions_for
from detectors.insight_factory import InsightPeriod, Values, new_insight
from models.counting import counted
from models.insights import ALL_TENANTS_ID, Insight, Severity

MODEL_VERSION: Final = "groups-1"
TOGETHER: Final = timedelta(minutes=30)
"""Maximum time between the starts of incidents with a common cause: tenants with few queries show it later."""

# With few queries or short time-outs an outage appears as slowness or silence.
_OUTAGE: Final = "provider_outage"
_OUTAGE_TAKES_IN: Final = {"failing", "slow", "silent"}

_RANK: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "critical": 2}
_SUREST: Final = 0.99


def family(incident: Insight) -> str:
    """Return the family of an incident."""
    return KINDS[incident.kind].family


def in_families(incidents: Sequence[Insight]) -> list[list[Insight]]:
    """Return the incidents of one provider by family."""
    outage = any(one.kind == _OUTAGE for one in incidents)
    found: dict[str, list[Insight]] = {}
    for one in incidents:
        of = family(one)
        found.setdefault("failing" if outage and of in _OUTAGE_TAKES_IN else of, []).append(one)
    return list(found.values())


@dataclass(slots=True)
class ProviderGroup:
    """One group; ``members`` maps the id of each incident that ever belonged to it to its tenant, both as text."""

    provider: str
    families: list[str]
    started_at: str
    members: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    severity: Severity = "info"
    confidence: float = 0.0
    figures: list[float | None] = field(default_factory=list)
    unit: str = ""

    @classmethod
    def of(cls, incidents: Sequence[Insight]) -> ProviderGroup:
        """Return a group of these incidents of one provider."""
        families = {family(one) for one in incidents}
        if any(one.kind == _OUTAGE for one in incidents):
            families |= _OUTAGE_TAKES_IN
        started_at = min(one.started_at for one in incidents).isoformat()
        one = cls(incidents[0].integration_provider, sorted(families), started_at)
        one.develop(incidents)
        return one

    def takes(self, incident: Insight) -> bool:
        """Whether an incident belongs to it: a member, or one of the same family that began no earlier."""
        if str(incident.id) in self.members:
            return True
        began_with_it = incident.started_at >= datetime.fromisoformat(self.started_at) - TOGETHER
        return incident.integration_provider == self.provider and family(incident) in self.families and began_with_it

    def develop(self, incidents: Sequence[Insight]) -> bool:
        """Update with its incidents; return whether the insight changed."""
        before = (len(self.members), self.kind, self.severity)
        self.members.update({str(one.id): str(one.user_id) for one in incidents})
        kinds = Counter(one.kind for one in incidents)
        if self.kind != _OUTAGE:
            self.kind = _OUTAGE if _OUTAGE in kinds else max(kinds, key=lambda kind: kinds[kind])
        self.severity = max([self.severity, *(one.severity for one in incidents)], key=lambda one: _RANK[one])
        self.confidence = min(1.0 - prod(1.0 - (one.confidence_score or 0.0) for one in incidents), _SUREST)
        typical = [one for one in incidents if one.kind == self.kind]
        if typical:
            self.unit = typical[0].unit
            alike = [one for one in typical if one.unit == self.unit]
            columns = zip(*((one.observed, one.expected, one.lower, one.upper) for one in alike), strict=True)
            self.figures = [_middle(column) for column in columns]
        return before != (len(self.members), self.kind, self.severity)

    def insight(self, now: datetime, ended_at: datetime | None = None) -> Insight:
        """Return the insight of the group."""
        started_at = datetime.fromisoformat(self.started_at)
        shown, tenants = provider_name(self.provider), len(set(self.members.values()))
        observed, expected, lower, upper = self.figures
        what = f"{shown} {KINDS[self.kind].shared_title} for {counted(tenants, 'tenant')}"
        against = ""
        if observed is not None and expected is not None:
            against = f", typically {number(observed)} {self.unit} instead of {number(expected)}"
        return new_insight(
            InsightPeriod(
                "performance_anomaly",
                ALL_TENANTS_ID,
                f"{self.provider}/{self.families[0]}",
                started_at,
                updated_at=now,
                ended_at=ended_at,
                provider=self.provider,
            ),
            kind=self.kind,
            severity=self.severity,
            title=what,
            summary=f"{what}{against}; {when(started_at, ended_at)}.",
            confidence=self.confidence,
            values=Values(observed, expected, lower, upper, self.unit),
            factors=(f"Seen by {counted(tenants, 'tenant')} at the same time: the cause is not one tenant's own.",),
            actions=actions_for(self.kind, "", shown),
            members=[UUID(member) for member in self.members],
            model_version=MODEL_VERSION,
        )

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ProviderGroup:
        """Return a group restored from this state."""
        return cls(**{**state, "members": dict(state["members"])})


def _middle(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return median(given) if given else None
