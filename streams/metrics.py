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
        self.events = self._counter("events", "Messages that were valid events", topic)
        self.repeats = self._counter("repeated_events", "Events seen before and counted once", topic)
        self.moved = self._counter("moved_events", "Events sent on to their tenant's partition, counted there", topic)
        self.rejected = self._counter("dead_letters", "Messages rejected, by reason", ["topic", "stage", "reason"])
        self.unknown_fields = self._counter("unknown_fields", "Fields that are not in the contract, left out", topic)
        self.batch_size = self._histogram("batch_messages", "Messages per poll and partition", topic, _SIZES)
        self.new_tenants = self._counter("new_tenants", "Tenants that were never seen before, and were taken in", [])
        self.screened = self._counter(
            "screened_labels", "Labels with personal data in them, which was replaced", ["topic", "kind"]
        )
        # Time.
        self.late = self._counter("late_events", "Events too late for the detectors' minute; still counted", topic)
        self.watermark_delay = self._gauge("watermark_delay_seconds", "Wall clock less watermark", partition)
        self.minutes_overfull = self._counter(
            "minutes_overfull", "Minutes with so many series that detectors read them back from ClickHouse", []
        )
        self.minutes_closed = self._counter("minutes_closed", "Minutes handed to the detectors", ["complete"])
        # Delivery.
        self.lag = self._gauge("consumer_lag", "Messages in the log that are not durable yet", partition)
        self.committed = self._gauge("committed_offset", "Offset a restart would read from", partition)
        self.rebalances = self._counter("rebalances", "How often this worker's partitions were taken from it", [])
        self.lost = self._counter("offset_gap", "Messages the broker deleted before they were read", partition)
        self.publish_failures = self._counter("publish_failures", "Attempts to publish that Kafka did not take", topic)
        self.pending = self._gauge("pending_rows", "Rows waiting to be written", [])
        self.insert_seconds = self._histogram("insert_seconds", "Time of one insert", ["table"], _SECONDS)
        self.rows = self._counter("rows_written", "Rows made durable", ["table"])
        self.insert_failures = self._counter("insert_failures", "Inserts that failed and are tried again", [])
        self.sink_up = self._gauge("sink_up", "0 while ClickHouse does not take what is written", [])
        self.sink_up.set(1)

        # Detection.
        self.series = self._gauge("watched_series", "Tenants' integrations that detectors watch", [])
        self.evicted = self._counter("evicted_series", "Series that made room for others; their state is kept", [])
        self.scored = self._counter("scored_minutes", "Minutes of one series that detectors judged", [])
        self.scoring_seconds = self._histogram("scoring_seconds", "Time of judging one slice", [], _SECONDS)
        self.scoring_failures = self._counter("scoring_failures", "Series that began anew after a detector failed", [])
        self.scoring_backlog = self._gauge("scoring_backlog_minutes", "Closed minutes waiting for detectors", [])
        self.states_saved = self._counter("detector_states_saved", "States of series made durable", [])
        self.states_refused = self._counter(
            "detector_states_refused", "States that could not be trusted, by what was taken instead", ["instead"]
        )
        self.states_broken = self._counter("detector_states_broken", "States with NaN in them, not kept", [])
        finding = ["insight_type", "kind", "severity"]
        self.insights = self._counter("insights", "Insights that this worker was first to tell", finding)
        self.open_insights = self._gauge(
            "open_insights", "Insights that are open, from the leader", [*finding, "provider"]
        )
        # Jobs of the leader.
        self.leader = self._gauge("leader", "1 on the worker that does the periodic jobs", [])
        self.job_seconds = self._histogram("job_seconds", "Time of one run of a job", ["job"], _SECONDS)
        self.job_failures = self._counter("job_failures", "Runs of a job that failed", ["job"])
        self.jobs_ended = self._counter(
            "jobs_ended", "Runs of a job that were ended: too much memory or time, died, stopped", ["job", "reason"]
        )
        self.job_memory = self._gauge("job_memory_bytes", "Memory of the last run of a job", ["job"])
        self.job_success = self._gauge("job_last_success_timestamp_seconds", "When a job last succeeded", ["job"])

    def _counter(self, name: str, about: str, labels: list[str]) -> Counter:
        return Counter(f"romashka_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, labels: list[str]) -> Gauge:
        return Gauge(f"romashka_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, labels: list[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"romashka_{name}", about, labels, buckets=buckets, registry=self.registry)
