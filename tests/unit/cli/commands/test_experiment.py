from __future__ import annotations

import pytest

from cli.commands.experiment import nothing_to_plan_from
from kpis.experiments.metrics import metric_of


@pytest.mark.parametrize(
    ("count", "why"),
    [
        (0, "no conversation of the last 28 days has a value of Durable resolution yet; choose another metric"),
        (1, "1 conversation of the last 28 days has one and the same Durable resolution; choose another metric"),
        (2, "2 conversations of the last 28 days have one and the same Durable resolution; choose another metric"),
    ],
)
def test_a_plan_without_anything_to_start_from_says_why(count: int, why: str) -> None:
    refused = nothing_to_plan_from(count, metric_of("durable_resolution"))
    assert refused.field == "metric"
    assert why in refused.message
