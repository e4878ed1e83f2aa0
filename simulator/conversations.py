"""Conversations: start, customer, stage, and number of queries to integrations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.arrays import Bools, Floats, Ints, cumulative, pick
from simulator.customers import CHANNELS, SEGMENTS, Customers, Visitors
from simulator.seeds import uuids

STAGES: Final = ("awareness", "consideration", "purchase", "retention", "advocacy")
_STAGE_SHARES: Final = cumulative((2.0, 3.0, 2.5, 2.5, 0.6))
# Early stages need less data and also convert less, so comparisons with and without data must adjust for the stage.
_NO_QUERY: Final[Floats] = np.array([0.32, 0.14, 0.07, 0.08, 0.20])
_CHANNELS: Final = [json.dumps(channel) for channel in CHANNELS]
_SEGMENTS: Final = [json.dumps(segment) for segment in SEGMENTS]
_NOBODY: Final = '"customer_id":null,"customer_segment":null'
_QUERIES: Final = (1, 2, 3, 4, 5, 6)
_QUERY_SHARES: Final = cumulative((0.30, 0.32, 0.20, 0.10, 0.05, 0.03))


def _mean_queries() -> float:
    stages = np.diff(_STAGE_SHARES, prepend=0.0)
    asked = np.diff(_QUERY_SHARES, prepend=0.0) @ np.array(_QUERIES)
    return float((1.0 - stages @ _NO_QUERY) * asked)


MEAN_QUERIES: Final = _mean_queries()
"""Queries per conversation, on average."""


@dataclass(frozen=True)
class Conversations:
    """Conversations of one tenant, one row each; ``start`` is in ms.

    ``context`` is the JSON text of the customer's fields; ``cancels`` marks a cancellation.
    """

    start: Ints
    visitors: Visitors
    stage: Ints
    queries: Ints
    cancels: Bools
    ids: list[str]
    context: list[str]

    def __len__(self) -> int:
        return len(self.start)


def draw(
    rng: np.random.Generator, id_rng: np.random.Generator, customers: Customers, arriving: Ints, block: tuple[int, int]
) -> Conversations:
    """Return the conversations that begin at ``arriving`` moments, and those of customers who cancel in the block.

    ``arriving`` ascends, and ``block`` is ``[begin, end)``; both in ms.
    """
    count = len(arriving)
    visitors = customers.choose(rng, arriving)
    stage = pick(_STAGE_SHARES, rng.random(count))
    asks = rng.random(count) >= _NO_QUERY[stage]
    queries = np.where(asks, 1 + pick(_QUERY_SHARES, rng.random(count)), 0)

    leaving = [fate for fate in customers.leavers(*block) if fate.says_so]
    last_words = len(leaving)
    everyone = _joined(visitors, customers.visitors_of(leaving))
    return Conversations(
        start=np.concatenate([arriving, np.array([fate.at for fate in leaving], dtype=np.int64)]),
        visitors=everyone,
        stage=np.concatenate([stage, np.full(last_words, STAGES.index("retention"))]),
        queries=np.concatenate([queries, np.ones(last_words, dtype=np.int64)]),
        cancels=np.arange(count + last_words) >= count,
        ids=uuids(id_rng, count + last_words),
        context=_contexts(customers, everyone),
    )


def _joined(first: Visitors, second: Visitors) -> Visitors:
    return Visitors(**{name: np.concatenate([column, vars(second)[name]]) for name, column in vars(first).items()})


def _person(customers: Customers, place: int, turn: int, segment: int) -> str:
    return f'"customer_id":"{customers.customer_id(place, turn)}","customer_segment":{_SEGMENTS[segment]}'


def _contexts(customers: Customers, visitors: Visitors) -> list[str]:
    columns = (
        visitors.place.tolist(),
        visitors.turn.tolist(),
        visitors.known.tolist(),
        visitors.channel.tolist(),
        visitors.country.tolist(),
        visitors.segment.tolist(),
    )
    return [
        f'{_person(customers, place, turn, segment) if known else _NOBODY},"channel":{_CHANNELS[channel]},'
        f'"country":{customers.country_texts[country]}'
        for place, turn, known, channel, country, segment in zip(*columns, strict=True)
    ]
