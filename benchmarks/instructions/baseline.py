"""The committed counts, and what counts of today are beside them."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from models.errors import RomashkaError

FILE: Final = Path(__file__).with_name("baseline.json")
# Versions of libraries and what processors can do move the counts by a tenth; twice the work is far beyond it.
FACTOR: Final = 1.3


class Baseline(NamedTuple):
    """Instructions an event of each path, counted with a version of Python."""

    python: str
    instructions: Mapping[str, float]


def python_version() -> str:
    """Return the version of Python that counts depend on, for example 3.11."""
    return ".".join(platform.python_version_tuple()[:2])


def read() -> Baseline:
    """Return the committed baseline."""
    found = json.loads(FILE.read_text())
    return Baseline(found["python"], found["instructions_per_event"])


def write(counted: Mapping[str, float]) -> None:
    """Make these counts the baseline."""
    text = {"python": python_version(), "instructions_per_event": {name: round(one) for name, one in counted.items()}}
    FILE.write_text(json.dumps(text, indent=2) + "\n")


def check(counted: Mapping[str, float], baseline: Mapping[str, float]) -> None:
    """Compare counts with a baseline.

    Raises
    ------
    RomashkaError
        A path takes more than ``FACTOR`` times its baseline, or has none.
    """
    slower = [
        f"{name}: {one:,.0f} instructions an event, {one / baseline[name]:.2f} times the baseline"
        for name, one in counted.items()
        if name in baseline and one > FACTOR * baseline[name]
    ]
    different = sorted(counted.keys() ^ baseline.keys())
    if different:
        slower.append(f"not in both, the paths and the baseline: {', '.join(different)}")
    if slower:
        raise RomashkaError(
            f"A hot path takes more than {FACTOR} times its instructions:\n  "
            + "\n  ".join(slower)
            + '\nMake it cheaper, or, where that is meant, write a new baseline: make bench-instructions ARGS="--write"'
        )
