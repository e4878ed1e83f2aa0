"""The query types of a tenant's integrations as arrays: one row per (link, query type)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Floats, Ints, cumulative
from simulator.catalogue import ERROR_KINDS, profile_of
from simulator.gaps import OF_ERROR, label
from simulator.tenants import SimulatedTenant


@dataclass(frozen=True)
class QueryTable:
    """Query types; an *entry* is a position in these arrays.

    Attributes
    ----------
    shares
        Cumulative share of each entry among all queries.
    link, data_type
        Position in ``tenant.links`` and in ``data_types``.
    link_low, link_width
        By link: where its entries begin among ``shares``, and their share together.
    error_shares
        By link: cumulative share of each of ``ERROR_KINDS`` among its ordinary errors.
    fields
        JSON text of the fields that name the query.
    gap_labels
        By entry: error kind (position in ``ERROR_KINDS``) → label of the gap that such a failure tells of.
    """

    shares: Floats
    link: Ints
    data_type: Ints
    log_median: Floats
    spread: Floats
    error_rate: Floats
    lag_hours: Floats
    link_low: Floats
    link_width: Floats
    error_shares: Floats
    fields: list[str]
    gap_labels: list[dict[int, str]]
    data_types: list[str]
    providers: list[str]


def query_table(tenant: SimulatedTenant) -> QueryTable:
    """Return the query types of a tenant."""
    profiles = [profile_of(link.provider) for link in tenant.links]
    entries = [(place, query) for place, profile in enumerate(profiles) for query in profile.query_types]
    totals = [sum(query.weight for query in profile.query_types) for profile in profiles]
    weights = [tenant.links[place].queries_per_minute * query.weight / totals[place] for place, query in entries]
    link_weights = np.array([link.queries_per_minute for link in tenant.links]) / tenant.queries_per_minute
    data_types = sorted({query.data_type for _, query in entries})
    providers = list(tenant.providers)
    return QueryTable(
        shares=cumulative(weights),
        link=np.array([place for place, _ in entries], dtype=np.int64),
        data_type=np.array([data_types.index(query.data_type) for _, query in entries], dtype=np.int64),
        log_median=np.log([query.median_ms for _, query in entries]),
        spread=np.array([query.spread for _, query in entries]),
        error_rate=np.array([query.error_rate for _, query in entries]),
        lag_hours=np.array([query.lag_hours for _, query in entries]),
        link_low=np.cumsum(link_weights) - link_weights,
        link_width=link_weights,
        error_shares=np.array(
            [cumulative([profile.error_mix.get(kind, 0.0) for kind in ERROR_KINDS]) for profile in profiles]
        ),
        fields=[
            f'"integration_provider":{json.dumps(providers[place])},"query_type":{json.dumps(query.name)},'
            f'"data_type":{json.dumps(query.data_type)}'
            for place, query in entries
        ],
        gap_labels=[
            {
                ERROR_KINDS.index(kind): label(providers[place], query.data_type, reason)
                for kind, reason in OF_ERROR.items()
            }
            for place, query in entries
        ],
        data_types=data_types,
        providers=providers,
    )
