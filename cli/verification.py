"""Compares totals in ClickHouse with the events sent, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from models.measures import QUERY_MEASURES, sum_of
from models.topics import EVENT_TABLES
from simulator.totals import Totals
from storage.reading import query_rows

# Detectors of a partition process minutes together; partition -1 is the leader, which follows the slowest of them.
# A partition that is silent goes no further than its own newest window.
_DETECTED: Final = """
WITH newest AS (SELECT partition, max(window_start) AS at FROM query_windows GROUP BY partition)
SELECT
    min(if(passed + toIntervalSecond({idle:UInt32}) >= last, greatest(passed, now('UTC')), passed)) AS reached,
    countIf(partition >= 0) AS partitions, countIf(partition < 0) AS leaders
FROM
(
    SELECT states.partition AS partition, passed, if(partition < 0, (SELECT min(at) FROM newest), newest.at) AS last
    FROM (SELECT partition, max(scored_through) AS passed FROM detector_states GROUP BY partition) AS states
    LEFT JOIN newest ON newest.partition = states.partition
)
"""
_COUNT: Final = "SELECT uniqExact(event_id) AS events FROM {table}"
_SUMS: Final = ("queries", "successes", "response_time_ms_sum", *map(sum_of, QUERY_MEASURES))
_WINDOWS: Final = f"""
SELECT user_id, integration_provider, query_type, {", ".join(f"sum({name}) AS {name}" for name in _SUMS)}
FROM query_windows FINAL GROUP BY ALL
"""  # noqa: S608 - our own columns
_OUTCOMES: Final = """
SELECT user_id, outcome_type, count() AS n,
       sum(business_value_generated) AS value, sum(customer_satisfaction_score) AS stars
FROM conversation_outcomes FINAL GROUP BY ALL
"""


def stored_events(client: Client) -> int:
    """Return the number of distinct events in the database."""
    return sum(_count(client, table) for table in EVENT_TABLES.values())


def differences(client: Client, truth: Totals) -> list[str]:
    """Return descriptions of totals that differ from those of the events sent."""
    checks = {
        **{f"events of {topic}": (truth.events[topic], _count(client, table)) for topic, table in EVENT_TABLES.items()},
        **_compared("queries", _sent_queries(truth), _stored_queries(client)),
        **_compared("outcomes", _sent_outcomes(truth), _stored_outcomes(client)),
    }
    return [f"{what}: sent {sent}, stored {stored}" for what, (sent, stored) in checks.items() if sent != stored]


def detected_through(client: Client, idle: timedelta = timedelta(0)) -> datetime | None:
    """Return the last minute that every detector has processed, ``None`` without detectors.

    A partition that is at most ``idle`` behind its newest window counts as processed to now.
    """
    (row,) = query_rows(client, _DETECTED, {"idle": round(idle.total_seconds())})
    return row["reached"].replace(tzinfo=UTC) if row["partitions"] and row["leaders"] else None


def _count(client: Client, table: str) -> int:
    return int(query_rows(client, _COUNT.format(table=table), {})[0]["events"])


def _compared(about: str, sent: dict[Any, Any], stored: dict[Any, Any]) -> dict[str, tuple[Any, Any]]:
    return {f"{about} of {key}": (sent.get(key), stored.get(key)) for key in sent.keys() | stored.keys()}


def _sent_queries(truth: Totals) -> dict[Any, Any]:
    return {
        key: (
            one.queries,
            one.successes,
            one.response_time_ms,
            *(measure.total for measure in one.measures.values()),
        )
        for key, one in truth.queries.items()
    }


def _stored_queries(client: Client) -> dict[Any, Any]:
    return {
        (str(row["user_id"]), row["integration_provider"], row["query_type"]): tuple(row[name] for name in _SUMS)
        for row in query_rows(client, _WINDOWS, {})
    }


def _sent_outcomes(truth: Totals) -> dict[Any, Any]:
    return {
        tenant: (
            dict(sorted(one.types.items())),
            one.business_value_generated.total,
            one.customer_satisfaction_score.total,
        )
        for tenant, one in truth.outcomes.items()
    }


def _stored_outcomes(client: Client) -> dict[Any, Any]:
    types: dict[str, dict[str, int]] = {}
    value: dict[str, Decimal] = {}
    stars: dict[str, Decimal] = {}
    for row in query_rows(client, _OUTCOMES, {}):
        tenant = str(row["user_id"])
        types.setdefault(tenant, {})[row["outcome_type"]] = row["n"]
        value[tenant] = value.get(tenant, Decimal(0)) + (row["value"] or 0)
        stars[tenant] = stars.get(tenant, Decimal(0)) + (row["stars"] or 0)
    return {tenant: (dict(sorted(types[tenant].items())), value[tenant], stars[tenant]) for tenant in types}
