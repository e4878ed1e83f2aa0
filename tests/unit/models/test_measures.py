"""The one list of measures: forgetting it, or a value of the simulator, has a name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import get_args, get_type_hints

from pydantic import TypeAdapter

from models.events import QueryEvent
from models.measures import QUERY_MEASURES, WINDOW_SUMS
from models.rows import QUERY_METRICS, QUERY_WINDOWS, SCORE
from models.topics import QUERIES
from simulator.scenario import Scenario

_NOT_SUMMED = {"customer_id", "channel", "country", "customer_segment", "data_type", "error_kind"}


def test_every_optional_number_of_a_query_is_a_measure() -> None:
    hints = get_type_hints(QueryEvent)
    optional = {name for name, hint in hints.items() if type(None) in get_args(hint)}
    assert optional - _NOT_SUMMED == set(QUERY_MEASURES)


def test_each_measure_has_its_columns() -> None:
    assert all(QUERY_METRICS.field(name).type == SCORE for name in QUERY_MEASURES)
    assert set(WINDOW_SUMS) <= set(QUERY_WINDOWS.names)


def test_the_simulator_sends_every_measure_as_the_contract_wants_it() -> None:
    start = datetime(2026, 3, 2, 10, tzinfo=UTC)
    scenario = Scenario(1, start, start + timedelta(minutes=10))
    values = [value for chunk in scenario.history() for topic, _, value in chunk if topic == QUERIES.name]
    assert set(QUERY_MEASURES) <= json.loads(values[0]).keys()
    # A whole number of the contract is not a float of the simulator: 403.0 would be a dead letter.
    sent = [TypeAdapter(QueryEvent).validate_json(value) for value in values]
    assert set(QUERY_MEASURES) <= {name for event in sent for name, value in event.items() if value is not None}
