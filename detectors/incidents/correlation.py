"""One outage is one finding: incidents of several tenants at one provider, put together.

Two tenants with trouble at the same provider can be chance where thousands use it, and hardly is where six do: a group
needs more tenants at once than chance would bring together. One tenant's incident never becomes the provider's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from detectors.incidents.provider_group import TOGETHER, ProviderGroup, in_families
from detectors.incidents.signals import Signal
from models.insights import ALL_TENANTS_ID, Insight

# In ordinary times so many tenants have an incident of one provider at a time; a group of tenants that this would
# bring together more rarely than by the chance below is no coincidence.
_ORDINARY_SHARE: Final = 0.005
_CHANCE: Final = 1e-3
_FEWEST: Final = 2


class ProviderPulse(NamedTuple):
    """A provider across its tenants: how many are active, and the signals of all their queries taken together."""

    active_tenants: int = 0
    signals: tuple[Signal, ...] = ()


def group(
    open_insights: Sequence[Insight], provider_signals: Mapping[str, ProviderPulse], now: datetime
) -> list[Insight]:
    """Return one insight for each provider and cause that strikes more tenants at once than chance would.

    Parameters
    ----------
    open_insights
        Open incidents of tenants; other insights are not looked at.
    provider_signals
        By provider. Two tenants are enough where none is given, or where the provider as a whole stands out too.
    now
        The end of the minute that was closed last.
    """
    return [found.insight(now) for found in _found(_groupable(open_insights), provider_signals)]


class ProviderGroups:
    """Groups that keep their id, their start and their members while they develop."""

    def __init__(self) -> None:
        self._groups: list[ProviderGroup] = []

    def update(
        self, open_insights: Sequence[Insight], provider_signals: Mapping[str, ProviderPulse], now: datetime
    ) -> list[Insight]:
        """Take the incidents that are open now; return the groups that are new, changed or over."""
        rest = _groupable(open_insights)
        told, going_on = [], []
        for known in self._groups:
            present = [one for one in rest if known.takes(one)]
            rest = [one for one in rest if one not in present]
            if not present:
                told.append(known.insight(now, ended_at=now))
                continue
            going_on.append(known)
            if known.develop(present):
                told.append(known.insight(now))
        found = _found(rest, provider_signals)
        self._groups = [*going_on, *found]
        return [*told, *(new.insight(now) for new in found)]

    def open_insights(self, now: datetime) -> list[Insight]:
        """Return the groups that are open."""
        return [known.insight(now) for known in self._groups]

    def to_state(self) -> dict[str, Any]:
        """Return everything it knows as plain JSON values."""
        return {"groups": [known.to_state() for known in self._groups]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ProviderGroups:
        """Return groups that go on where those that gave this state stopped."""
        one = cls()
        one._groups = [ProviderGroup.from_state(known) for known in state["groups"]]
        return one


def tenants_needed(active: int) -> int:
    """Return how many of ``active`` tenants must be struck at once so that it is no coincidence (2 or more)."""
    tail, chance, needed = 1.0, (1.0 - _ORDINARY_SHARE) ** active, 0
    while tail > _CHANCE and needed < active:
        tail -= chance
        chance *= (active - needed) / (needed + 1) * _ORDINARY_SHARE / (1.0 - _ORDINARY_SHARE)
        needed += 1
    return max(needed, _FEWEST)


def _groupable(insights: Sequence[Insight]) -> list[Insight]:
    return [
        one
        for one in insights
        if one.insight_type == "performance_anomaly" and one.status == "open" and one.user_id != ALL_TENANTS_ID
    ]


def _found(incidents: Sequence[Insight], pulses: Mapping[str, ProviderPulse]) -> list[ProviderGroup]:
    groups: list[ProviderGroup] = []
    for provider in sorted({one.integration_provider for one in incidents}):
        pulse = pulses.get(provider, ProviderPulse())
        needed = _FEWEST if pulse.signals else tenants_needed(pulse.active_tenants)
        mine = [one for one in incidents if one.integration_provider == provider]
        for alike in in_families(mine):
            groups.extend(
                ProviderGroup.of(begun)
                for begun in _begun_together(alike)
                if len({one.user_id for one in begun}) >= needed
            )
    return groups


def _begun_together(incidents: Sequence[Insight]) -> list[list[Insight]]:
    """Return them in runs, each begun within half an hour of its first."""
    runs: list[list[Insight]] = []
    for one in sorted(incidents, key=lambda one: (one.started_at, one.id)):
        if runs and one.started_at - runs[-1][0].started_at <= TOGETHER:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
