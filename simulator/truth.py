"""The ground truth of the simulated events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from simulator.effects import Effects
from simulator.experiments import SimulatedExperiment
from simulator.incidents import SimulatedIncident
from simulator.totals import Totals


@dataclass(frozen=True)
class CustomerTurn:
    """A customer who churned, or became ready for upsell, at a time.

    ``announced`` says that a conversation begun at that moment ends with the outcome ``cancelled``.
    """

    tenant: UUID
    customer_id: str
    at: datetime
    announced: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "user_id": str(self.tenant),
            "customer_id": self.customer_id,
            "at": self.at.isoformat(),
            "announced": self.announced,
        }


@dataclass(frozen=True)
class Truth:
    """The ground truth of ``[start, end)``.

    A customer is listed with or without a conversation; ``totals`` are those of the messages returned by the feed.
    """

    seed: int
    start: datetime
    end: datetime
    incidents: Sequence[SimulatedIncident]
    churned: Sequence[CustomerTurn]
    upsell_ready: Sequence[CustomerTurn]
    effects: Effects
    totals: Totals
    experiments: Sequence[SimulatedExperiment] = ()

    def to_json(self) -> str:
        """Return everything as a JSON document."""
        return json.dumps(
            {
                "seed": self.seed,
                "start": self.start.isoformat(),
                "end": self.end.isoformat(),
                "incidents": [incident.as_dict() for incident in self.incidents],
                "churned": [one.as_dict() for one in self.churned],
                "upsell_ready": [one.as_dict() for one in self.upsell_ready],
                "effects": asdict(self.effects),
                "experiments": [one.as_dict() for one in self.experiments],
                "totals": self.totals.as_dict(),
            },
            indent=2,
        )
