"""Planning: how many conversations find an effect, and what effect so many can find."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import datetime
from math import ceil, inf, log1p, sqrt
from math import log as ln
from statistics import NormalDist
from typing import Final, NamedTuple

from kpis.experiments.confidence import ALPHA, best_information
from models.errors import InvalidRequest
from models.fields import LABEL_PATTERN

POWER: Final = 0.8
DEFAULT_SAMPLE: Final = 10_000
"""Conversations that an experiment without a plan is taken to be planned for."""
MAX_SAMPLE: Final = 1_000_000_000_000
"""Most conversations of a plan."""
_LEAST_PERCENT: Final = 0.01
# Shares are written as percentages; a rounding error is no mistake.
_TOLERANCE: Final = 1e-6


class ExperimentPlan(NamedTuple):
    """The plan of an experiment, stored before it starts: arms, metric and sample size.

    ``shares`` are the expected shares by arm and add up to 1. ``effect`` is the smallest one that matters, in the unit
    of the metric; ``sample`` the conversations of all arms that find it.
    """

    experiment: str
    control: str
    shares: dict[str, float]
    metric: str
    effect: float
    sample: int
    entered_at: datetime | None = None


def always_valid_multiplier() -> float:
    """Return the half-width in standard errors at the planned sample, where it is least: about 3.0."""
    best = best_information()
    return sqrt((1 + 1 / best) * (log1p(best) - 2 * ln(ALPHA)))


def required_sample(effect: float, variance: float, shares: tuple[float, float], power: float = POWER) -> int:
    """Return the conversations of all arms after which an effect is found with the given power, whenever one looks.

    Parameters
    ----------
    effect
        The difference of the two arms, in the unit of the metric.
    variance
        Variance of the metric among conversations.
    shares
        The shares of the treated arm and of the control among all conversations.

    Raises
    ------
    InvalidRequest
        The effect is no positive number, or so small that it takes more than ``MAX_SAMPLE``.
    """
    return _sample(effect, variance, shares, power, always_valid_multiplier())


def fixed_sample(effect: float, variance: float, shares: tuple[float, float], power: float = POWER) -> int:
    """Return the same for a test that is looked at once, at the end."""
    return _sample(effect, variance, shares, power, NormalDist().inv_cdf(1 - ALPHA / 2))


def detectable_effect(sample: float, variance: float, shares: tuple[float, float], power: float = POWER) -> float:
    """Return the smallest effect that a planned sample finds with the given power."""
    spread = variance * (1 / shares[0] + 1 / shares[1])
    return (always_valid_multiplier() + NormalDist().inv_cdf(power)) * sqrt(spread / sample)


def _sample(effect: float, variance: float, shares: tuple[float, float], power: float, width: float) -> int:
    if not 0 < effect < inf:
        raise InvalidRequest("effect", f"{effect:g} is given; expected a positive number")
    spread = variance * (1 / shares[0] + 1 / shares[1])
    # The least that an effect may be is computed first: its square might be too small for a number.
    if (width + NormalDist().inv_cdf(power)) * sqrt(spread / MAX_SAMPLE) > effect:
        raise InvalidRequest("effect", f"it is so small that it takes more than {MAX_SAMPLE:,} conversations")
    return max(1, ceil(spread * ((width + NormalDist().inv_cdf(power)) / effect) ** 2))


def parsed_shares(text: str) -> dict[str, float]:
    """Return the shares of ``with=80,without=20`` as parts of 1; an arm with a comma is quoted: ``"a, b=80",c=20``.

    Raises
    ------
    InvalidRequest
        It is none, names an arm twice or as no event can, has fewer than two arms, a share is below 0.01 %, or they
        do not add up to 100.
    """
    shares: dict[str, float] = {}
    for part in _parts(text):
        arm, equals, share = (piece.strip() for piece in part.rpartition("="))
        try:
            percent = float(share)
        except ValueError:
            percent = 0.0
        if not (equals and arm and 0 < percent < 100) or arm in shares:
            raise InvalidRequest("shares", f"'{text}' is given; expected percentages by arm: with=80,without=20")
        if percent < _LEAST_PERCENT:
            raise InvalidRequest("shares", f"arm '{arm}' has {percent:g} %; expected {_LEAST_PERCENT} or more")
        if re.fullmatch(LABEL_PATTERN, arm) is None:
            raise InvalidRequest("shares", f"no event can name the arm '{arm}': 1 to 128 characters, no control ones")
        shares[arm] = percent / 100
    if abs(sum(shares.values()) - 1) > _TOLERANCE:
        raise InvalidRequest("shares", f"'{text}' adds up to {100 * sum(shares.values()):g} %; expected 100")
    return shares


def _parts(text: str) -> list[str]:
    """Return what commas separate, as in CSV (RFC 4180)."""
    try:
        (parts,) = csv.reader([text], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        raise InvalidRequest("shares", f"'{text}' is given; expected percentages by arm: with=80,without=20") from None
    return parts


def control_of(arms: Mapping[str, object] | list[str], plan: ExperimentPlan | None) -> str:
    """Return the arm that the others are compared with: the plan's, else one named as a control, else the first."""
    if plan is not None:
        return plan.control
    names = sorted(arms)
    usual = [name for name in names if name.lower() in CONTROLS or name.lower().startswith("without")]
    return [*usual, *names, ""][0]


CONTROLS: Final = frozenset({"control", "holdout", "baseline", "off", "a"})
