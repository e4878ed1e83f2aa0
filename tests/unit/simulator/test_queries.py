from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median

import numpy as np
import pytest

from simulator.catalogue import PROFILES
from simulator.gaps import PATTERN
from simulator.tenants import DEFAULT_TENANTS

from .conftest import INCIDENTS, Events

STRUCK = {incident.provider for incident in INCIDENTS}


def test_every_query_type_of_every_link_is_asked(events: Events) -> None:
    asked = {(q["user_id"], q["integration_provider"], q["query_type"]) for q in events("queries")}
    expected = {
        (str(tenant.id), link.provider, query.name)
        for tenant in DEFAULT_TENANTS[:5]
        for link in tenant.links
        for query in PROFILES[link.provider].query_types
    }
    assert expected <= asked


def test_the_large_tenants_busiest_link_carries_its_volume(events: Events) -> None:
    tenant = DEFAULT_TENANTS[0]
    shares = Counter(q["integration_provider"] for q in events("queries") if q["user_id"] == str(tenant.id))
    for link in tenant.links:
        share = shares[link.provider] / shares.total()
        assert share == pytest.approx(link.queries_per_minute / tenant.queries_per_minute, rel=0.15)


def test_response_times_of_a_query_type_are_lognormal_around_its_median(events: Events) -> None:
    times = defaultdict(list)
    for query in events("queries"):
        if query["query_success"] and query["integration_provider"] not in STRUCK:
            times[query["integration_provider"], query["query_type"]].append(query["response_time_ms"])
    checked = 0
    for provider, profile in PROFILES.items():
        for kind in profile.query_types:
            own = times[provider, kind.name]
            if len(own) > 400:
                assert median(own) == pytest.approx(kind.median_ms, rel=0.15)
                assert np.std(np.log(own)) == pytest.approx(kind.spread, rel=0.2)
                checked += 1
    assert checked >= 3


def test_confidence_is_higher_where_the_query_succeeded(events: Events) -> None:
    sure = defaultdict(list)
    for query in events("queries"):
        if query["ai_confidence_score"] is not None:
            sure[query["query_success"]].append(query["ai_confidence_score"])
    assert np.mean(sure[True]) > np.mean(sure[False]) + 0.3


def test_an_error_kind_is_given_exactly_where_a_query_failed(events: Events) -> None:
    assert all(query["query_success"] == (query["error_kind"] is None) for query in events("queries"))


def test_failures_that_tell_of_a_gap_are_listed_as_one(events: Events) -> None:
    gaps = {one["conversation_id"]: one["knowledge_gaps_identified"] for one in events("intelligence")}
    reasons = {"not_found": "missing content", "schema": "field not synced", "permission": "permission missing"}
    checked = 0
    for query in events("queries"):
        if query["error_kind"] in reasons and query["conversation_id"] in gaps:
            label = f"{query['integration_provider']}: {query['data_type']} ({reasons[query['error_kind']]})"
            assert label in gaps[query["conversation_id"]]
            checked += 1
    assert checked > 100


def test_every_gap_has_the_documented_form_and_standing_gaps_lead(events: Events) -> None:
    found = Counter(label for one in events("intelligence") for label in one["knowledge_gaps_identified"])
    assert all(PATTERN.match(label) for label in found)
    standing = {gap.label for tenant in DEFAULT_TENANTS for gap in tenant.gaps}
    assert standing <= set(found)
    assert found.most_common(1)[0][0] == "shopify: return_policy (missing content)"


def test_data_types_accessed_are_those_of_the_successful_queries(events: Events) -> None:
    used = defaultdict(set)
    for query in events("queries"):
        if query["query_success"]:
            used[query["conversation_id"]].add(query["data_type"])
    for one in events("intelligence"):
        assert set(one["data_types_accessed"]) == used[one["conversation_id"]]
        assert (one["ai_confidence_with_data"] is None) == (not one["data_types_accessed"])


def test_providers_used_are_those_of_the_successful_queries(events: Events) -> None:
    used = defaultdict(set)
    for query in events("queries"):
        if query["query_success"]:
            used[query["conversation_id"]].add(query["integration_provider"])
    for one in events("outcomes"):
        assert set(one["integration_types_used"]) == used[one["conversation_id"]]
        assert one["integration_data_used"] == bool(used[one["conversation_id"]])
