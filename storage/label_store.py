"""Delayed labels and customer scores in ClickHouse.

Writing the same rows again changes nothing. Every call blocks, and raises ``Unreachable`` where
ClickHouse does not answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers.calibration import Bin, Quality
from detectors.customers.customer_scores import CustomerScore, Key
from detectors.customers.labels import Label, LabelOutcome, Snapshot, Task
from models.query import Query
from models.tenant_slice import ALL, CUSTOMERS, TENANTS, TenantSlice
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from storage.writing import insert_rows

_SNAPSHOT: Final = ("model", "user_id", "customer_id", "snapshot_at", "due_at", "features")
_LABEL: Final = (*_SNAPSHOT, "positive", "arrived_at", "revision")
_QUALITY: Final = (
    *("model", "role", "measured_at", "predictions", "positives"),
    *("auc", "brier", "brier_of_prior", "calibration_error", "estimator", "log_loss", "log_loss_of_prior"),
)
_DECILES: Final = (
    *("model", "role", "measured_at", "decile", "predictions", "positives"),
    *("predicted", "observed", "observed_lower", "observed_upper", "lift"),
)
_CUSTOMERS: Final = """
SELECT user_id, max(customers) AS rows
FROM
(
    SELECT user_id, uniqExact(customer_id) AS customers FROM conversation_outcomes GROUP BY user_id
    UNION ALL
    SELECT user_id, count() AS customers FROM customer_scores WHERE model = {model:String} GROUP BY user_id
)
GROUP BY user_id
"""
_UNLABELLED: Final = """
SELECT user_id, count() AS rows FROM customer_snapshots WHERE model = {model:String} AND positive IS NULL
GROUP BY user_id
"""
_COUNT_SINCE: Final = """
SELECT user_id, count() AS rows FROM customer_snapshots
WHERE model = {model:String} AND snapshot_at >= {since:DateTime('UTC')}
GROUP BY user_id
"""
_NEWEST: Final = f"""
SELECT max(snapshot_at) AS newest FROM customer_snapshots
WHERE model = {{model:String}} AND {TENANTS} AND snapshot_at >= {{since:DateTime('UTC')}}
    AND user_id NOT IN {{behind:Array(UUID)}}
"""  # noqa: S608 - our own
_QUEUED: Final = f"""
SELECT snapshot_at, groupUniqArray(user_id) AS tenants FROM customer_snapshots
WHERE model = {{model:String}} AND {CUSTOMERS}
GROUP BY snapshot_at
"""  # noqa: S608 - our own
_OF_MOMENT: Final = f"""
SELECT user_id, customer_id, features, positive FROM customer_snapshots FINAL
WHERE model = {{model:String}} AND {CUSTOMERS} AND snapshot_at = {{at:DateTime('UTC')}}
"""  # noqa: S608 - our own
_FATES: Final = """
SELECT
    s.user_id AS user_id, s.customer_id AS customer_id, s.snapshot_at AS snapshot_at, s.due_at AS due_at,
    any(s.features) AS features,
    minIf(
        o.created_at,
        o.outcome_type IN {outcomes:Array(String)} AND o.created_at >= s.snapshot_at AND o.created_at < s.due_at
    ) AS happened_at,
    countIf(o.outcome_type != 'reopened' AND o.created_at >= s.snapshot_at AND o.created_at < s.due_at) AS visits
FROM
(
    SELECT * FROM customer_snapshots FINAL
    WHERE model = {model:String} AND [customers] AND positive IS NULL AND user_id NOT IN {behind:Array(UUID)}
) AS s
LEFT JOIN
(
    SELECT user_id, customer_id, created_at, toString(outcome_type) AS outcome_type FROM conversation_outcomes FINAL
    WHERE [customers] AND created_at < {now:DateTime64(3, 'UTC')} AND created_at >=
    (
        SELECT min(snapshot_at) FROM customer_snapshots FINAL
        WHERE model = {model:String} AND [tenants] AND positive IS NULL
    )
) AS o
ON s.user_id = o.user_id AND s.customer_id = o.customer_id
GROUP BY user_id, customer_id, snapshot_at, due_at
HAVING due_at <= {now:DateTime64(3, 'UTC')} OR happened_at > toDateTime64(0, 3, 'UTC')
""".replace("[customers]", CUSTOMERS).replace("[tenants]", TENANTS)
_LABELS: Final = """
SELECT user_id, customer_id, snapshot_at, due_at, features, positive, arrived_at FROM customer_snapshots FINAL
WHERE model = {model:String} AND positive IS NOT NULL AND due_at <= {now:DateTime64(3, 'UTC')}
ORDER BY due_at DESC, user_id, customer_id, snapshot_at
LIMIT {most:UInt64}
"""
_COUNT: Final = """
SELECT count() AS snapshots, countIf(positive) AS positives FROM customer_snapshots FINAL WHERE model = {model:String}
"""
_SINCE: Final = f"""
SELECT user_id, customer_id, snapshot_at, due_at, features FROM customer_snapshots FINAL
WHERE model = {{model:String}} AND {CUSTOMERS} AND snapshot_at >= {{since:DateTime('UTC')}}
    AND user_id NOT IN {{behind:Array(UUID)}}
"""  # noqa: S608 - our own
_SCORES: Final = f"""
SELECT user_id, customer_id, scored_at, probability, prior, started_at, ended_at, toString(ended) AS ended
FROM customer_scores FINAL
WHERE model = {{model:String}} AND {CUSTOMERS} AND user_id NOT IN {{behind:Array(UUID)}}
"""  # noqa: S608 - our own


class LabelStore:
    """Labels and scores of one model.

    Parameters
    ----------
    behind
        Tenants that ingestion is behind with: their snapshots are given no labels and, like their scores, not returned.
        Labels that are known are: models learn from them.
    within
        What is read of single customers is of this slice; the labels and their share are of all.
    """

    def __init__(self, client: Client, task: Task, behind: Collection[UUID] = (), within: TenantSlice = ALL) -> None:
        self._client = client
        self._task = task
        self._behind = behind
        self._within = within

    def within(self, one: TenantSlice) -> LabelStore:
        """Return the same of a slice."""
        return LabelStore(self._client, self._task, self._behind, one)

    def slices_of_customers(self) -> list[TenantSlice]:
        """Return slices by the number of customers that have outcomes or a score."""
        return tenant_slices(self._client, Query(_CUSTOMERS, {"model": self._task.model}))

    def slices_of_unlabelled(self) -> list[TenantSlice]:
        """Return slices by the number of snapshots without a label."""
        return tenant_slices(self._client, Query(_UNLABELLED, {"model": self._task.model}))

    def slices_of_snapshots(self, since: datetime) -> list[TenantSlice]:
        """Return slices by the number of snapshots since a time."""
        return tenant_slices(self._client, Query(_COUNT_SINCE, {"model": self._task.model, "since": since}))

    def newest(self, since: datetime) -> datetime:
        """Return the time of the newest snapshots since a time; 1970 where there are none."""
        found: datetime = self._ask(_NEWEST, since=since, behind=self._left_out())[0]["newest"]
        return found

    def queued_tenants(self) -> dict[datetime, set[UUID]]:
        """Return the times of the queued snapshots, and the tenants that have any of a time."""
        return {row["snapshot_at"]: set(row["tenants"]) for row in self._ask(_QUEUED)}

    def queued(self, at: datetime) -> dict[tuple[UUID, str], dict[str, float] | None]:
        """Return by tenant and customer the features of a time's snapshots; ``None`` where the label is known."""
        return {
            (row["user_id"], row["customer_id"]): row["features"] if row["positive"] is None else None
            for row in self._ask(_OF_MOMENT, at=at)
        }

    def queue(self, snapshots: Sequence[Snapshot]) -> None:
        """Add snapshots to the queue."""
        insert_rows(self._client, "customer_snapshots", _SNAPSHOT, [self._row(one) for one in snapshots])

    def fates(self, now: datetime) -> list[LabelOutcome]:
        """Return the outcomes of snapshots without a label whose label is known by now: it happened, or is due."""
        rows = self._ask(_FATES, outcomes=list(self._task.outcomes), now=now, behind=self._left_out())
        # minIf over no rows is 1970.
        return [
            LabelOutcome(_snapshot(row), row["happened_at"] if row["happened_at"].year > 1970 else None, row["visits"])
            for row in rows
        ]

    def add_labels(self, labels: Sequence[Label]) -> None:
        """Store labels."""
        rows = [[*self._row(one.snapshot), one.positive, one.arrived_at, 1] for one in labels]
        insert_rows(self._client, "customer_snapshots", _LABEL, rows)

    def labels(self, now: datetime, most: int) -> list[Label]:
        """Return the most recent labels, newest first, up to a limit."""
        rows = self._ask(_LABELS, now=now, most=most)
        return [Label(_snapshot(row), row["positive"], row["arrived_at"]) for row in rows]

    def known_share(self) -> float:
        """Return the share of snapshots with a positive label; pending ones count as negative."""
        counted = self._ask(_COUNT)[0]
        return float((counted["positives"] + 1) / (counted["snapshots"] + 2))

    def snapshots(self, since: datetime) -> list[Snapshot]:
        """Return the snapshots since a time."""
        return [_snapshot(row) for row in self._ask(_SINCE, since=since, behind=self._left_out())]

    def standings(self) -> dict[Key, CustomerScore]:
        """Return the latest score of each customer."""
        rows = self._ask(_SCORES, behind=self._left_out())
        return {(row["user_id"], row["customer_id"]): CustomerScore(**row) for row in rows}

    def add_standings(self, standings: Sequence[CustomerScore]) -> None:
        """Store scores."""
        rows = [[self._task.model, *one] for one in standings]
        insert_rows(self._client, "customer_scores", ("model", *CustomerScore._fields), rows)

    def add_quality(self, role: str, estimator: str, quality: Quality, measured_at: datetime) -> None:
        """Store the quality of predictions, overall and by deciles from the highest to the lowest."""
        figures = (quality.predictions, quality.positives, quality.auc, quality.brier, quality.brier_of_prior)
        losses = (estimator, quality.log_loss, quality.log_loss_of_prior)
        row = [self._task.model, role, measured_at, *figures, quality.calibration_error, *losses]
        insert_rows(self._client, "customer_model_quality", _QUALITY, [row])
        key = (self._task.model, role, measured_at)
        deciles = [[*key, place, *_decile(one, quality)] for place, one in enumerate(reversed(quality.bins), 1)]
        insert_rows(self._client, "customer_model_deciles", _DECILES, deciles)

    def _ask(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return query_rows(
            self._client, sql, {"model": self._task.model, **self._within.parameters, **parameters}, aware=True
        )

    def _left_out(self) -> list[UUID]:
        return sorted(self._within.among(self._behind))

    def _row(self, one: Snapshot) -> list[Any]:
        return [self._task.model, one.user_id, one.customer_id, one.at, one.due_at, one.features]


def _decile(one: Bin, quality: Quality) -> tuple[float | None, ...]:
    lift = one.observed * quality.predictions / quality.positives if quality.positives else None
    return (one.size, one.positives, one.predicted, one.observed, *one.interval, lift)


def _snapshot(row: dict[str, Any]) -> Snapshot:
    return Snapshot(row["user_id"], row["customer_id"], row["snapshot_at"], row["due_at"], row["features"])
