"""The scenario of ``romashka simulate``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cli.commands.simulate import scenario_until
from models.errors import SettingsError
from simulator.scenario import Scenario

_NOW = datetime(2026, 3, 2, tzinfo=UTC)


def _scenario(withheld: str) -> Scenario:
    return scenario_until(
        _NOW, seed=1, days=30, events=150_000, live_rate=1.0, incidents_per_day=0.5, withheld=withheld
    )


def test_an_experiment_withholds_the_data_that_is_asked_for() -> None:
    assert _scenario("").experiments == ()
    [experiment] = _scenario("shopify").experiments
    assert (experiment.name, experiment.withheld, experiment.share) == ("shopify_data", "shopify", 0.2)


def test_data_that_nobody_has_cannot_be_withheld() -> None:
    with pytest.raises(SettingsError, match="no tenant uses fax"):
        _scenario("fax")
