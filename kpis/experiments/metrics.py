"""What experiments are judged by. Each has one value for each conversation, counted at its entry."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from kpis.kpi import Unit
from models.errors import InvalidRequest

WINSORISED_AT: Final = 0.995
"""Values above this quantile of all conversations of the experiment, of all arms together, count as the quantile."""


class ExperimentMetric(NamedTuple):
    """A metric.

    ``margin`` is the difference below which an effect does not matter, where no plan says so (of money: a share of the
    control's mean).
    """

    id: str
    title: str
    meaning: str
    unit: Unit
    margin: float

    @property
    def scale(self) -> float:
        """What one of the unit that people use is: a point is a hundredth."""
        return 0.01 if self.yes_no else 1.0

    @property
    def widest(self) -> float:
        """Greatest difference of two means that there can be."""
        return {Unit.RATIO: 1.0, Unit.STARS: 4.0}.get(self.unit, inf)

    @property
    def yes_no(self) -> bool:
        """Whether each conversation has it or not."""
        return self.unit is Unit.RATIO


METRICS: Final = {
    one.id: one
    for one in (
        ExperimentMetric(
            "durable_resolution",
            "Durable resolution",
            "resolved by the AI, and did not return; conversations whose days are not over are left out",
            Unit.RATIO,
            0.02,
        ),
        ExperimentMetric("conversion", "Conversion", "converted or upsold", Unit.RATIO, 0.02),
        ExperimentMetric("csat", "CSAT", "the rating, of those who rated", Unit.STARS, 0.1),
        ExperimentMetric(
            "value",
            "Value per conversation",
            f"sales less refunds; above the {100 * WINSORISED_AT:g} % quantile of all arms counted as the quantile",
            Unit.MONEY,
            0.05,
        ),
    )
}
PRIMARY: Final = "durable_resolution"
"""The metric that the verdict rests on, where no plan says so."""


def metric_of(id_: str) -> ExperimentMetric:
    """Return a metric by its id, or raise ``InvalidRequest`` that lists them."""
    if id_ not in METRICS:
        raise InvalidRequest("metric", f"there is no metric '{id_}'; expected one of {', '.join(METRICS)}")
    return METRICS[id_]
