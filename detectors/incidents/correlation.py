"""Correlates incidents of several tenants at one provider into one insight.

Two affected tenants can be a coincidence among thousands, but hardly among six: a group needs significantly more
tenants than expected by chance. One tenant's incident alone is never attributed to the provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from detectors.incidents.provider_group import TOGETHER, ProviderGroup, in_families
from detectors.incidents.signals import Signal
from models.insights import ALL_TENANTS_ID, Insight

# Base rate of tenants with an incident at one provider at a time, and the significance level of a group.
_ORDINARY_SHARE: Final = 0.005
_CHANCE: Final = 1e-3
_FEWEST: Final = 2


class ProviderPulse(NamedTuple):
    """A provider over all tenants: number of active tenants, and the signals of their combined queries."""

    active_tenants: int = 0
    signals: tuple[Signal, ...] = ()


def group(
    open_insights: Sequence[Insight], provider_signals: Mapping[str, ProviderPulse], now: datetime
) -> list[Insight]:
    """Return one insight for each provider and cause that affects significantly many tenants at once.

    Parameters
    ----------
    open_insights
        Open incidents of tenants; other insights are ignored.
    provider_signals
        By provider. Two tenants are enough where none is given, or where the provider as a whole has signals too.
    now
        The end of the last closed minute.
    """
    return [found.insight(now) for found in _found(_groupable(open_insights), provider_signals)]


class ProviderGroups:
    """Groups of incidents, with stable id, start and members."""

    def __init__(self) -> None:
        self._groups: list[ProviderGroup] = []

    def update(
        self, open_insights: Sequence[Insight], provider_signals: Mapping[str, ProviderPulse], now: datetime
    ) -> list[Insight]:
        """Update with the open incidents; return the groups that are new, changed or closed."""
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
        """Return the state as plain JSON values."""
        return {"groups": [known.to_state() for known in self._groups]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ProviderGroups:
        """Return groups restored from this state."""
        one = cls()
        one._groups = [ProviderGroup.from_state(known) for known in state["groups"]]
        return one


def tenants_needed(active: int) -> int:
    """Return the number of affected tenants among ``active`` that is significant (2 or more)."""
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
    """Return the incidents in runs, each within half an hour of its first one."""
    runs: list[list[Insight]] = []
    for one in sorted(incidents, key=lambda one: (one.started_at, one.id)):
        if runs and one.started_at - runs[-1][0].started_at <= TOGETHER:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
