"""A second of what ``make fuzz`` does for longer."""

from __future__ import annotations

import pytest

from storage.connection import ClickHouseAddress
from tests.fuzz.__main__ import tries
from tests.fuzz.mutation import Mutator
from tests.fuzz.targets import NAMES, targets


@pytest.mark.stack
@pytest.mark.parametrize("name", NAMES)
async def test_random_inputs_break_nothing(name: str, database: ClickHouseAddress) -> None:
    assert await tries(targets(database)[name][0], name, seed=20, seconds=0.5) > 0


def test_a_seed_makes_the_same_inputs_again() -> None:
    assert [Mutator("a").of({"x": 1}) for _ in range(5)] == [Mutator("a").of({"x": 1}) for _ in range(5)]
    assert Mutator("a").of({"x": 1}) != Mutator("b").of({"x": 1})
