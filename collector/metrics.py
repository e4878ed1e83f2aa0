"""Prometheus metrics of the collector."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from collector.intake import EventResult

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class CollectorMetrics:
    """The collector's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._accepted = Counter(
            "romashka_collector_accepted_events", "Events that Kafka acknowledged", ["topic"], registry=self.registry
        )
        self._rejected = Counter(
            "romashka_collector_rejected_events",
            "Rejected events, by reason",
            ["topic", "stage", "reason"],
            registry=self.registry,
        )
        self.requests = Counter(
            "romashka_collector_requests", "Requests by path and status", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "romashka_collector_request_seconds",
            "Response time, including Kafka's acknowledgement",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.unmapped_spans = Counter(
            "romashka_collector_unmapped_spans",
            "Spans without an event, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.kafka_up = Gauge(
            "romashka_collector_kafka_up",
            "0 while Kafka does not acknowledge events, otherwise 1",
            registry=self.registry,
        )
        self.kafka_up.set(1)

    def count(self, verdicts: Iterable[EventResult]) -> None:
        """Count the results of a request's events."""
        for (topic, stage, reason), count in Counts((one.topic, one.stage, one.reason) for one in verdicts).items():
            if reason:
                self._rejected.labels(topic, stage, reason).inc(count)
            else:
                self._accepted.labels(topic).inc(count)
