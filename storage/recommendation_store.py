"""Recommendations and what became of them, in ClickHouse.

Writing the same rows again changes nothing. Every call blocks, and raises ``Unreachable`` where ClickHouse does not
answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers.labels import Task
from detectors.customers.recommendations import MAX_A_WEEK, MAX_OF_ONE_MODEL, Recommendation, RecommendationResult
from models.query import Query
from models.tenant_slice import ALL, CUSTOMERS, TENANTS, TenantSlice
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from storage.writing import insert_rows

_ADD: Final = (
    *("model", "user_id", "customer_id", "recommended_at", "due_at"),
    *("action", "probability", "money", "effect", "expected_value", "explores"),
)
_KEPT: Final = ", ".join(Recommendation._fields)
_SINCE: Final = f"""
SELECT {_KEPT} FROM customer_recommendations FINAL
WHERE model = {{model:String}} AND {CUSTOMERS} AND recommended_at >= {{since:DateTime64(3, 'UTC')}}
"""  # noqa: S608 - the columns are our own; every value is a bound parameter
_DUE: Final = """
SELECT user_id, count() AS rows FROM customer_recommendations
WHERE model = {model:String} AND due_at <= {now:DateTime64(3, 'UTC')}
GROUP BY user_id
"""
# Of all models: a tenant has one list.
_COUNTS: Final = """
SELECT user_id, count() AS recommended, countIf(model = {model:String}) AS own FROM customer_recommendations FINAL
WHERE [tenants] AND recommended_at >= {since:DateTime64(3, 'UTC')} AND recommended_at <= {at:DateTime64(3, 'UTC')}
    AND (recommended_at < {at:DateTime64(3, 'UTC')} OR model != {model:String})
GROUP BY user_id
""".replace("[tenants]", TENANTS)
_RESULTS: Final = """
SELECT r.action AS action, r.probability AS probability,
    countIf(o.outcome_type IN {outcomes:Array(String)}) AS happened,
    -- Without any outcome the join gives one without a type.
    countIf(o.outcome_type NOT IN ('', 'reopened')) AS visits
FROM
(
    SELECT * FROM customer_recommendations FINAL
    WHERE model = {model:String} AND [tenants] AND due_at <= {now:DateTime64(3, 'UTC')}
        AND user_id NOT IN {behind:Array(UUID)}
) AS r
LEFT JOIN
(
    SELECT r.user_id AS user_id, r.customer_id AS customer_id, r.recommended_at AS recommended_at,
        toString(o.outcome_type) AS outcome_type
    FROM (SELECT * FROM customer_recommendations FINAL WHERE model = {model:String} AND [tenants]) AS r
    INNER JOIN (SELECT * FROM conversation_outcomes FINAL WHERE [tenants]) AS o
    ON r.user_id = o.user_id AND r.customer_id = o.customer_id
    WHERE o.created_at >= r.recommended_at AND o.created_at < r.due_at
) AS o
ON r.user_id = o.user_id AND r.customer_id = o.customer_id AND r.recommended_at = o.recommended_at
GROUP BY r.user_id, r.customer_id, r.recommended_at, action, probability
ORDER BY r.user_id, r.customer_id, r.recommended_at
""".replace("[tenants]", TENANTS)


class RecommendationStore:
    """The recommendations of one model.

    Parameters
    ----------
    behind
        Tenants that ingestion is behind with: what became of their recommendations is not known yet.
    within
        What is read is of this slice.
    """

    def __init__(self, client: Client, task: Task, behind: Collection[UUID] = (), within: TenantSlice = ALL) -> None:
        self._client = client
        self._task = task
        self._behind = behind
        self._within = within

    def within(self, one: TenantSlice) -> RecommendationStore:
        """Return the same of a slice."""
        return RecommendationStore(self._client, self._task, self._behind, one)

    def slices_of_results(self, now: datetime) -> list[TenantSlice]:
        """Return slices by the number of recommendations whose time is over."""
        return tenant_slices(self._client, Query(_DUE, {"model": self._task.model, "now": now}))

    def since(self, moment: datetime) -> list[Recommendation]:
        """Return what was recommended since a moment."""
        return [Recommendation(**row) for row in self._ask(_SINCE, since=moment)]

    def room(self, week: datetime, at: datetime) -> dict[UUID, int]:
        """Return how many more may be recommended in the week of each tenant that was recommended any.

        What this model recommended at ``at`` itself does not count: a run that is repeated finds the same room.
        """
        return {
            row["user_id"]: min(MAX_A_WEEK - row["recommended"], MAX_OF_ONE_MODEL - row["own"])
            for row in self._ask(_COUNTS, since=week, at=at)
        }

    def add(self, recommendations: Sequence[Recommendation]) -> None:
        """Keep what is recommended, with when it is known what became of it."""
        rows = [
            [self._task.model, *one[:3], one.recommended_at + self._task.horizon, *one[3:]] for one in recommendations
        ]
        insert_rows(self._client, "customer_recommendations", _ADD, rows)

    def results(self, now: datetime) -> list[RecommendationResult]:
        """Return what became of all whose time is over: the label's own rule, from the recommendation on."""
        left_out = sorted(self._within.among(self._behind))
        return [
            RecommendationResult(
                row["action"], row["probability"], row["happened"] > 0 or (self._task.silence and row["visits"] == 0)
            )
            for row in self._ask(_RESULTS, now=now, outcomes=list(self._task.outcomes), behind=left_out)
        ]

    def _ask(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return query_rows(
            self._client, sql, {"model": self._task.model, **self._within.parameters, **parameters}, aware=True
        )
