"""Converts states of earlier versions of ``ValueDetector``."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

VERSION: Final = 2
"""Version of the state format; raised when an older program could not read it."""

_HOURS: Final = 24
_MAX_COUNT: Final = 65_535
# For a normal distribution the mean of the large sizes is this many means, and two in five are large.
_LARGE, _LARGE_SHARE, _LARGE_MEMORY = 1.8, 0.4, 100


def upgraded(state: Mapping[str, Any], counter: Sequence[Any], trust: Sequence[Any]) -> dict[str, Any]:
    """Return a state of any version in the present format; missing parts are those of a new detector.

    Parameters
    ----------
    state
        A result of ``to_state``; without ``version`` it is version 1.
    counter, trust
        The parts of a new detector's state about counters and alarms.

    Raises
    ------
    ValueError
        It was made by a later version of the program.
    """
    version = state.get("version", 1)
    if version == VERSION:
        return dict(state)
    if version != 1:
        raise ValueError(f"the state has version {version}; this program reads 1 to {VERSION}")
    season, value = state["season"], state["flatline"]
    levels, errors, seen = state["next"]
    # The predictors "last value" and "drift" did not exist: they get the worst error until they prove better.
    behind = 2.0 * max(errors)
    return {
        **state,
        "version": VERSION,
        "counter": [value[0], *counter[1:]],
        "trust": list(trust),
        "season": _season(season),
        "next": [levels, levels[0] if value[0] is None else value[0], 0.0, [*errors, behind, behind, behind], seen],
        "flatline": [value[0], None, 0, *value[1:]],
        "channels": [[_scale(one[0], one[1]), *one[1:]] for one in state["channels"]],
        "doubt": 1.0,
    }


def _season(old: Sequence[Any]) -> list[Any]:
    *packed, usual_noise, level, scatter, errors, seen = old
    count = min(seen // _HOURS, _MAX_COUNT)
    seen_hours = array("H", [count]) * _HOURS
    large = array("H", [int(_LARGE_SHARE * count)]) * _HOURS
    more = [base64.b64encode(one.tobytes()).decode() for one in (seen_hours, large)]
    return [*packed, *more, usual_noise, level, [0.0, 0.0, 0.0], _scale(scatter, seen), errors, seen]


def _scale(mean: float, seen: int) -> list[Any]:
    """Return a running scale that has seen sizes of this mean, distributed as usual."""
    return [mean, seen, _LARGE * mean, min(_LARGE_MEMORY, int(_LARGE_SHARE * seen))]
