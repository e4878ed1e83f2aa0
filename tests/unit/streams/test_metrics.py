"""The closed list of metrics."""

from __future__ import annotations

from streams.metrics import Metrics


def test_two_workers_in_one_process_do_not_share_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.messages.labels("a").inc()
    assert other.registry.get_sample_value("romashka_messages_total", {"topic": "a"}) is None


def test_every_metric_has_our_prefix_and_says_what_it_is() -> None:
    families = list(Metrics().registry.collect())
    assert families
    assert all(family.name.startswith("romashka_") and family.documentation for family in families)
