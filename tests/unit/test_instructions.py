"""The comparison of instruction counts with their baseline."""

from __future__ import annotations

import pytest

from benchmarks.instructions import baseline
from benchmarks.instructions.paths import PATHS, paths
from models.errors import RomashkaError


def test_a_path_that_does_its_work_twice_fails() -> None:
    with pytest.raises(RomashkaError, match=r"fold: 2,000 instructions an event, 2.00 times"):
        baseline.check({"read": 1_000, "fold": 2_000}, {"read": 1_000, "fold": 1_000})


def test_what_libraries_and_processors_change_does_not_fail() -> None:
    baseline.check({"read": 1_250, "fold": 500}, {"read": 1_000, "fold": 1_000})


@pytest.mark.parametrize("counted", [{"read": 1.0}, {"read": 1.0, "fold": 1.0, "new": 1.0}])
def test_a_path_without_a_baseline_or_a_baseline_without_a_path_fails(counted: dict[str, float]) -> None:
    with pytest.raises(RomashkaError, match="not in both"):
        baseline.check(counted, {"read": 1.0, "fold": 1.0})


def test_every_path_has_a_committed_baseline_and_runs() -> None:
    assert baseline.read().instructions.keys() == set(PATHS)
    for path in paths().values():
        path()
