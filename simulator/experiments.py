"""Experiments of the simulated chat: arms at random, and data that an arm does not get.

Arms have random streams of their own, and withheld data changes no draw: a conversation has the same chances with every
experiment, so two scenarios that differ in an experiment's shares are each other's counterfactual, conversation by
conversation. The true effect is the difference between a scenario in which everybody has the data and one in which
nobody has.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.arrays import Bools, Floats
from simulator.evidence import IntegrationUse


@dataclass(frozen=True)
class SimulatedExperiment:
    """An experiment that some of the conversations take part in.

    Parameters
    ----------
    name, control, treated
        Its name and its arms.
    share
        Share of the control among the conversations in the experiment.
    traffic
        Share of all conversations in the experiment; a conversation is in one experiment at most.
    withheld
        The integration whose data the control does not get; ``None``: the arms differ in nothing (an A/A test).
    """

    name: str
    control: str = "without"
    treated: str = "with"
    share: float = 0.2
    traffic: float = 1.0
    withheld: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "experiment": self.name,
            "control": self.control,
            "shares": {self.treated: 1 - self.share, self.control: self.share},
            "traffic": self.traffic,
            "withheld": self.withheld,
        }


@dataclass(frozen=True)
class Assignment:
    """The arms of conversations: ``labels`` are JSON fields to append to their events, with a comma before."""

    labels: list[str]
    without: dict[str, Bools]
    """Conversations that do not get an integration's data."""

    def evidence(self, evidence: IntegrationUse, providers: Sequence[str]) -> IntegrationUse:
        """Return what the AI had to go by, after data was withheld."""
        for provider, rows in self.without.items():
            if provider in providers:
                evidence = _withheld(evidence, rows, 1 << providers.index(provider))
        return evidence


def assign(rng: np.random.Generator, experiments: Sequence[SimulatedExperiment], count: int) -> Assignment:
    """Return the arms of ``count`` conversations; always two draws for each of them."""
    place: Floats = rng.random(count)
    arm: Floats = rng.random(count)
    labels, first = [""] * count, 0.0
    without: dict[str, Bools] = {}
    for one in experiments:
        inside = (place >= first) & (place < first + one.traffic)
        control = inside & (arm < one.share)
        for rows, name in ((control, one.control), (inside & ~control, one.treated)):
            label = f',"experiment":{json.dumps(one.name)},"arm":{json.dumps(name)}'
            for row in np.flatnonzero(rows).tolist():
                labels[row] = label
        if one.withheld is not None:
            without[one.withheld] = control | without.get(one.withheld, np.zeros(count, dtype=np.bool_))
        first += one.traffic
    return Assignment(labels, without)


def _withheld(evidence: IntegrationUse, rows: Bools, bit: int) -> IntegrationUse:
    """Return the evidence without one integration's data in some conversations; which queries failed stays."""
    links = np.where(rows, evidence.links & ~bit, evidence.links)
    nothing_left = rows & (links == 0)
    return replace(
        evidence,
        links=links,
        used=evidence.used & ~nothing_left,
        stale_hours=np.where(nothing_left, 0.0, evidence.stale_hours),
        data_types=np.where(nothing_left, 0, evidence.data_types),
    )
