"""A second opinion of an incident of errors or latency: river's ADWIN and HalfSpaceTrees over its hours. Pure.

They say something only where they agree. A question of eight hours takes 10 to 30 ms and half a megabyte, which is
forgotten. Importing them takes 110 MB: workers do not, jobs have nearly all of it loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees
from river.drift import ADWIN

from models.minutes import MinuteCounts

# river leaves their methods without annotations.
_ADWIN: Final[Any] = ADWIN
_HALF_SPACE_TREES: Final[Any] = HalfSpaceTrees

Channel = Literal["errors", "latency"]
Floats = NDArray[np.float64]

CHANNELS: Final[dict[str, Channel]] = {
    "provider_outage": "errors",
    "error_burst": "errors",
    "latency": "latency",
    "latency_creep": "latency",
}
"""Kinds of incidents that opinions are asked of, and the channel that they are about."""
METHODS: Final = ("ADWIN: ", "HalfSpaceTrees: ")
"""What the sentences begin with."""
BEFORE: Final = timedelta(hours=6)
"""How long before the incident the minutes begin that it is compared with."""
WITHIN: Final = timedelta(hours=2)
"""Longest part of an incident, from its start, whose minutes are used."""
# The minutes before the first signal may belong to the incident: detectors need some. They are compared with nothing.
_LEAD: Final = timedelta(minutes=15)
# Those just before it are taken for a part of it: at the first signal there is no other.
_EARLIER: Final = timedelta(minutes=2)
_MIN_BEFORE, _MIN_DURING = 120, 2
_QUANTILE: Final = 0.99
_TREES, _HEIGHT, _SEED = 25, 4, 17
_NAMES: Final[dict[Channel, str]] = {"errors": "error rate", "latency": "response time"}


class IncidentSpan(NamedTuple):
    """What an opinion is asked of: the channel, and from when to when the incident was seen."""

    channel: Channel
    started_at: datetime
    until: datetime


class _Minutes(NamedTuple):
    """Arrays with an entry for each minute with queries: its start, and what is looked at, on a scale from 0 to 1."""

    times: list[datetime]
    error_rate: Floats
    log_latency: Floats


def opinions(minutes: Sequence[tuple[datetime, MinuteCounts]], span: IncidentSpan) -> tuple[str, ...]:
    """Return a sentence for each of the two that agrees; deterministic.

    Parameters
    ----------
    minutes
        Minutes of the incident's series, ascending, from ``BEFORE`` its start on. With fewer than 120 with queries
        before it there is no opinion.
    span
        Its first two hours count.
    """
    until = min(span.until, span.started_at + WITHIN)
    known = [(at, one) for at, one in minutes if span.started_at - BEFORE <= at <= until and one.queries]
    before = sum(at < span.started_at - _LEAD for at, _ in known)
    during = sum(at >= span.started_at - _EARLIER for at, _ in known)
    if before < _MIN_BEFORE or during < _MIN_DURING:
        return ()
    seen = _Minutes(
        [at for at, _ in known],
        _scaled([one.errors / one.queries for _, one in known]),
        _scaled([one.log_latency_sum / one.queries for _, one in known]),
    )
    own = seen.error_rate if span.channel == "errors" else seen.log_latency
    if own[-during:].mean() <= own[:before].mean():
        return ()
    said = (_of_adwin(seen.times, own, span), _of_half_space_trees(seen, before, during))
    return tuple(one for one in said if one is not None)


def _of_adwin(times: Sequence[datetime], values: Floats, span: IncidentSpan) -> str | None:
    """Return what ADWIN says where it finds, from about the incident's start on, that the values rose."""
    first = next(place for place, at in enumerate(times) if at >= span.started_at - _LEAD)
    detector = _ADWIN(clock=1)
    for place, value in enumerate(values.tolist()):
        detector.update(value)
        # What it finds before is not about the incident; a window that goes on has forgotten it.
        if detector.drift_detected and place >= first and values[first : place + 1].mean() > values[:first].mean():
            return f"ADWIN: the {_NAMES[span.channel]} had changed by {times[place]:%H:%M} UTC."
    return None


def _of_half_space_trees(seen: _Minutes, before: int, during: int) -> str | None:
    """Return what half-space trees say where the incident's minutes, by their median, are among the rarest.

    They learn every other minute before it, and compare with the ones between: with what was learned itself, any new
    minute would seem rare.
    """
    table = np.column_stack([seen.error_rate, seen.log_latency])
    learned, compared, own = (
        [dict(enumerate(row)) for row in rows.tolist()]
        for rows in (table[:before:2], table[1:before:2], table[-during:])
    )
    trees = _HALF_SPACE_TREES(n_trees=_TREES, height=_HEIGHT, window_size=len(learned), seed=_SEED)
    for one in learned:
        trees.learn_one(one)
    score = np.median([trees.score_one(one) for one in own])
    if np.mean([trees.score_one(one) < score for one in compared]) < _QUANTILE:
        return None
    return (
        f"HalfSpaceTrees: these minutes score higher than {100 * _QUANTILE:.0f} % of {len(compared)} before, "
        "by error rate and response time."
    )


def _scaled(values: Sequence[float]) -> Floats:
    """Return values on the scale on which they go from 0 to 1: the bound of ADWIN and the trees are made for it."""
    known = np.array(values)
    scaled: Floats = (known - known.min()) / (np.ptp(known) or 1.0)
    return scaled
