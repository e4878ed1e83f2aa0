from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.topics import QUERIES
from simulator.incidents import one_of_each
from simulator.scenario import Scenario
from simulator.series import minute_tables
from simulator.tenants import DEFAULT_TENANTS

START = datetime(2026, 3, 2, 17, 41, tzinfo=UTC)
TENANTS = DEFAULT_TENANTS[2:4]


@pytest.mark.parametrize(("rate", "hours"), [(0.05, 30), (0.5, 8)], ids=["blocks of a day", "blocks of an hour"])
def test_the_series_are_those_of_the_events(rate: float, hours: int) -> None:
    scenario = Scenario(
        seed=8,
        start=START,
        end=START + timedelta(hours=hours),
        tenants=TENANTS,
        rate=rate,
        incidents=one_of_each(TENANTS, START + timedelta(hours=1), timedelta(hours=1), timedelta(hours=2)),
    )
    sums: defaultdict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros((4, hours * 60)))
    for topic, _, value in (message for batch in scenario.history() for message in batch):
        if topic == QUERIES.name:
            event = json.loads(value)
            minute = (datetime.fromisoformat(event["created_at"]) - START) // timedelta(minutes=1)
            log = np.log1p(event["response_time_ms"])
            sums[event["user_id"], event["integration_provider"]][:, minute] += (
                1,
                not event["query_success"],
                log,
                log * log,
            )
    tables = minute_tables(scenario)
    assert {(str(one.tenant), one.provider) for one in tables} == set(sums)
    for one in tables:
        counts, errors, log_sums, log_squares = sums[str(one.tenant), one.provider]
        assert one.counts.tolist() == counts.tolist()
        assert one.errors.tolist() == errors.tolist()
        assert np.allclose(one.log_sums, log_sums)
        assert np.allclose(one.log_squares, log_squares)


def test_each_series_names_the_incidents_that_hit_it() -> None:
    incidents = one_of_each(TENANTS, START, timedelta(hours=1), timedelta(hours=1))
    scenario = Scenario(
        seed=8, start=START, end=START + timedelta(hours=6), tenants=TENANTS, rate=0.01, incidents=incidents
    )
    hit = {incident for one in minute_tables(scenario) for incident in one.incidents}
    assert hit == set(incidents)
