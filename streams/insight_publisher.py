"""Publishes insights: to ClickHouse, then to the insights topic, then to the metrics."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from models.insights import Insight
from sinks.insight_rows import insight_rows, latest
from sinks.sink import Sink
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy

_TABLE: Final = "predictive_insights"
_REMEMBERED: Final = 20_000


class InsightPublisher:
    """Writes and publishes insights at least once; a repeat changes nothing.

    Parameters
    ----------
    publish
        Publishes insights; returns when Kafka has acknowledged them.
    """

    def __init__(
        self,
        sink: Sink,
        retry_policy: RetryPolicy,
        metrics: Metrics,
        publish: Callable[[Sequence[Insight]], Awaitable[None]],
    ) -> None:
        self._sink = sink
        self._retry_policy = retry_policy
        self._metrics = metrics
        self._publish = publish
        self._told: OrderedDict[UUID, None] = OrderedDict()

    async def announce(self, insights: Sequence[Insight]) -> None:
        """Write and publish the newest version of each insight; returns when both are done."""
        newest = latest(insights)
        if not newest:
            return
        await self._retry_policy.until_done(self._sink.write, _TABLE, insight_rows(newest))
        await self._publish(newest)
        for insight in newest:
            self._count(insight)

    def _count(self, insight: Insight) -> None:
        if insight.id in self._told:
            self._told.move_to_end(insight.id)
            return
        self._metrics.insights.labels(insight.insight_type, insight.kind, insight.severity).inc()
        self._told[insight.id] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
