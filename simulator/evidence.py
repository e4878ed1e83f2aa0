"""Results of a conversation's queries: data used, failures, gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Bools, Floats, Ints, cumulative, pick
from simulator.conversations import Conversations
from simulator.queries import Queries
from simulator.query_table import QueryTable
from simulator.tenants import SimulatedTenant


@dataclass(frozen=True)
class IntegrationUse:
    """One row per conversation.

    ``links`` and ``data_types`` are bit sets of positions in ``tenant.links`` and ``QueryTable.data_types``, from
    successful queries. ``gaps`` holds the labels of the conversations that have any.
    """

    used: Bools
    failed: Ints
    stale_hours: Floats
    last_at: Ints
    links: Ints
    data_types: Ints
    gap: Bools
    gaps: dict[int, list[str]]


def gather(
    rng: np.random.Generator, tenant: SimulatedTenant, table: QueryTable, conversations: Conversations, queries: Queries
) -> IntegrationUse:
    """Return the results of the queries by conversation, with the tenant's standing gaps."""
    count = len(conversations)
    answered = np.bincount(queries.conversation, weights=queries.success, minlength=count)
    asked = np.bincount(queries.conversation, minlength=count)
    hours = np.bincount(
        queries.conversation,
        weights=np.where(queries.success, queries.measures["data_freshness_hours"].values, 0.0),
        minlength=count,
    )
    used = answered > 0
    last_at = conversations.start.copy()
    np.maximum.at(last_at, queries.conversation, queries.at)
    links, data_types = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    rows = queries.conversation[queries.success]
    np.bitwise_or.at(links, rows, 1 << queries.link[queries.success])
    np.bitwise_or.at(data_types, rows, 1 << table.data_type[queries.entry[queries.success]])
    gaps = _gaps(rng, tenant, table, count, queries)
    gap = np.zeros(count, dtype=np.bool_)
    gap[list(gaps)] = True
    return IntegrationUse(
        used=used,
        failed=(asked - answered).astype(np.int64),
        stale_hours=np.minimum(hours / np.maximum(answered, 1.0), 24.0),
        last_at=last_at,
        links=links,
        data_types=data_types,
        gap=gap,
        gaps=gaps,
    )


def _gaps(
    rng: np.random.Generator, tenant: SimulatedTenant, table: QueryTable, count: int, queries: Queries
) -> dict[int, list[str]]:
    standing = rng.random(count) < (tenant.gap_rate if tenant.gaps else 0.0)
    uniform = rng.random(count)
    gaps: dict[int, list[str]] = {}
    if tenant.gaps:
        which = pick(cumulative([gap.weight for gap in tenant.gaps]), uniform)
        gaps = {row: [tenant.gaps[which[row]].label] for row in np.flatnonzero(standing).tolist()}
    failed = np.flatnonzero(~queries.success)
    columns = (
        queries.conversation[failed].tolist(),
        queries.entry[failed].tolist(),
        queries.error_kind[failed].tolist(),
    )
    for row, entry, kind in zip(*columns, strict=True):
        found = table.gap_labels[entry].get(kind)
        if found is not None and found not in gaps.setdefault(row, []):
            gaps[row].append(found)
    return gaps
