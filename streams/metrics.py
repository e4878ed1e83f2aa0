"""Every metric of the worker; dashboards, alerts and the runbook use these names."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES: Final = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)


class Metrics:
    """The worker's metrics, in a registry of their own so that two workers in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        topic, partition = ["topic"], ["topic", "partition"]
        # Throughput.
        self.messages = self._counter("messages", "Messages read from Kafka", topic)
        self.events = self._counter("events", "Valid events", topic)
        self.repeats = self._counter("repeated_events", "Repeated events, counted once", topic)
        self.moved = self._counter(
            "moved_events", "Events moved to their tenant's home partition and counted there", topic
        )
        self.rejected = self._counter("dead_letters", "Rejected messages, by reason", ["topic", "stage", "reason"])
        self.unknown_fields = self._counter("unknown_fields", "Fields that are not in the contract; ignored", topic)
        self.batch_size = self._histogram("batch_messages", "Messages per poll and partition", topic, _SIZES)
        self.new_tenants = self._counter("new_tenants", "Tenants that were new and accepted", [])
        self.screened = self._counter(
            "screened_labels", "Labels in which personal data was replaced", ["topic", "kind"]
        )
        # Time.
        self.late = self._counter("late_events", "Events too late for the detectors; still counted in windows", topic)
        self.watermark_delay = self._gauge(
            "watermark_delay_seconds", "Difference between wall clock and watermark", partition
        )
        self.minutes_overfull = self._counter(
            "minutes_overfull", "Minutes dropped from memory because of too many series; read back from ClickHouse", []
        )
        self.minutes_closed = self._counter("minutes_closed", "Closed minutes passed to the detectors", ["complete"])
        self.clock_offset = self._gauge("clock_offset_seconds", "Another clock less the worker's own", ["clock"])
        # Delivery.
        self.lag = self._gauge("consumer_lag", "Messages of the partition that are not durable yet", partition)
        self.committed = self._gauge("committed_offset", "Committed offset", partition)
        self.rebalances = self._counter("rebalances", "Rebalances that revoked partitions of this worker", [])
        self.lost = self._counter("offset_gap", "Messages deleted by the broker before they were read", partition)
        self.publish_failures = self._counter("publish_failures", "Failed attempts to publish to Kafka", topic)
        self.pending = self._gauge("pending_rows", "Pending rows", [])
        self.insert_seconds = self._histogram("insert_seconds", "Duration of one insert", ["table"], _SECONDS)
        self.rows = self._counter("rows_written", "Rows made durable", ["table"])
        self.insert_failures = self._counter("insert_failures", "Failed inserts that are retried", [])
        self.sink_up = self._gauge("sink_up", "0 while inserts into ClickHouse fail, otherwise 1", [])
        self.sink_up.set(1)

        # Detection.
        self.series = self._gauge("watched_series", "Series (tenant and integration) monitored by detectors", [])
        self.evicted = self._counter("evicted_series", "Series evicted from memory; their state is saved", [])
        self.scored = self._counter("scored_minutes", "Evaluated minutes of single series", [])
        self.scoring_seconds = self._histogram("scoring_seconds", "Duration of evaluating one slice", [], _SECONDS)
        self.scoring_failures = self._counter("scoring_failures", "Series reset after a detector failed", [])
        self.scoring_backlog = self._gauge("scoring_backlog_minutes", "Closed minutes waiting for detectors", [])
        self.states_saved = self._counter("detector_states_saved", "Saved detector states", [])
        self.states_refused = self._counter(
            "detector_states_refused", "Invalid detector states, by replacement", ["instead"]
        )
        self.states_broken = self._counter("detector_states_broken", "Detector states with NaN, not saved", [])
        finding = ["insight_type", "kind", "severity"]
        self.insights = self._counter("insights", "New insights of this worker", finding)
        self.open_insights = self._gauge(
            "open_insights", "Open insights, reported by the leader", [*finding, "provider"]
        )
        # Jobs of the leader.
        self.leader = self._gauge("leader", "1 on the leader, which runs the periodic jobs", [])
        self.job_seconds = self._histogram("job_seconds", "Duration of one run of a job", ["job"], _SECONDS)
        self.job_failures = self._counter("job_failures", "Failed runs of a job", ["job"])
        self.jobs_ended = self._counter(
            "jobs_ended", "Terminated runs of a job: memory or time limit, died, stopped", ["job", "reason"]
        )
        self.job_memory = self._gauge("job_memory_bytes", "Peak memory of the last run of a job", ["job"])
        self.job_success = self._gauge("job_last_success_timestamp_seconds", "When a job last succeeded", ["job"])

    def _counter(self, name: str, about: str, labels: list[str]) -> Counter:
        return Counter(f"romashka_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, labels: list[str]) -> Gauge:
        return Gauge(f"romashka_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, labels: list[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"romashka_{name}", about, labels, buckets=buckets, registry=self.registry)
