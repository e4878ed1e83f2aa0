from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal

from simulator.rows import Message
from simulator.totals import Totals

from .conftest import Events


def test_totals_equal_a_plain_recount(messages: list[Message], events: Events) -> None:
    totals = Totals()
    totals.add(messages)
    assert totals.events == Counter(topic for topic, _, _ in messages)

    by_type = defaultdict(list)
    for query in events("queries"):
        by_type[query["user_id"], query["integration_provider"], query["query_type"]].append(query)
    assert totals.queries.keys() == by_type.keys()
    for key, queries in by_type.items():
        found = totals.queries[key]
        sure = [query["ai_confidence_score"] for query in queries if query["ai_confidence_score"] is not None]
        assert found.queries == len(queries)
        assert found.successes == sum(query["query_success"] for query in queries)
        assert found.response_time_ms == sum(query["response_time_ms"] for query in queries)
        assert found.errors == Counter(query["error_kind"] for query in queries if query["error_kind"])
        assert found.measures["ai_confidence_score"].count == len(sure)
        assert found.measures["ai_confidence_score"].total == sum(Decimal(repr(score)) for score in sure)

    for tenant in {end["user_id"] for end in events("outcomes")}:
        own = [end for end in events("outcomes") if end["user_id"] == tenant]
        worth = [end["business_value_generated"] for end in own if end["business_value_generated"] is not None]
        assert totals.outcomes[tenant].types == Counter(end["outcome_type"] for end in own)
        assert totals.outcomes[tenant].business_value_generated.total == sum(Decimal(repr(value)) for value in worth)
        assert totals.outcomes[tenant].business_value_generated.count == len(worth)


def test_totals_of_parts_merge_to_those_of_the_whole(messages: list[Message]) -> None:
    whole, merged = Totals(), Totals()
    whole.add(messages)
    for first in range(0, len(messages), 7_001):
        part = Totals()
        part.add(messages[first : first + 7_001])
        merged.merge(part)
    assert merged == whole
    assert merged.as_dict() == whole.as_dict()


def test_totals_are_plain_values_with_exact_sums(messages: list[Message]) -> None:
    totals = Totals()
    totals.add(messages)
    document = json.loads(json.dumps(totals.as_dict()))
    assert document["events"] == totals.events
    assert sum(row["queries"] for row in document["queries"]) == totals.events["integration.queries.v1"]
    assert Decimal(document["outcomes"][0]["business_value_generated"]["total"]).as_tuple().exponent == -2
