"""The scenarios that are judged. An id is permanent: what it names never changes, and no seed here was tuned on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.detection import simulated, synthetic
from benchmarks.detection.judge import WARM_DAYS
from benchmarks.detection.series import LabelledSeries

DAYS: Final = 17
VOLUMES: Final = ((100.0, "150"), (30.0, "40 to 60"), (4.0, "about 8"), (0.0, "about 1.5"))
"""Lower bound of each class of events per minute."""


@dataclass(frozen=True)
class Scenario:
    """Series that belong together; ``world`` is what made them."""

    id: str
    world: str
    draw: Callable[[], list[LabelledSeries]]


def _traits(seed: int, volume: float) -> list[LabelledSeries]:
    return [
        synthetic.draw(seed, volume, days=DAYS, warm_days=WARM_DAYS, per_day=0.7, trait=trait)
        for trait in synthetic.TRAITS
    ]


SCENARIOS: Final = (
    *(
        Scenario(
            f"simulator/{seed}",
            "simulator",
            partial(simulated.draw, seed, days=DAYS, warm_days=WARM_DAYS, per_day=3.0),
        )
        for seed in (9001,)
    ),
    *(
        Scenario(f"synthetic/{seed}/{volume:g}", "synthetic", partial(_traits, seed, volume))
        for seed, volume in ((9101, 60.0), (9102, 8.0), (9103, 1.5))
    ),
)

_GATED_SEEDS: Final = {150.0: (9201, 9211, 9221, 9231), 40.0: (9202, 9212, 9222, 9232), 8.0: (9203, 9213, 9223, 9233)}
GATED: Final = tuple(
    Scenario(f"gate/{seed}/{volume:g}", "gate", partial(_traits, seed, volume))
    for volume, seeds in _GATED_SEEDS.items()
    for seed in seeds
)
"""Only our detector is run on these: the targets of docs/models/performance.md are held on them, all seeds of a volume
together, so that no single incident decides."""


def volume_class(series: LabelledSeries) -> str:
    """Return the class of a series' volume."""
    return next(name for least, name in VOLUMES if series.volume >= least)
