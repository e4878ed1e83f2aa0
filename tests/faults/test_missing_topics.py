"""A topic that is not there is named, at the start and while a worker runs."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from models.topics import ALL, Topic
from streams.kafka import KafkaAddress, client_settings
from tests.worker_process import WorkerProcess

pytestmark = [pytest.mark.stack, pytest.mark.kafka]


@pytest.mark.parametrize("topic", ALL[-2:], ids=lambda topic: topic.name)
def test_a_worker_does_not_start_without_a_topic_it_writes_to(
    env: dict[str, str], topics: KafkaAddress, topic: Topic
) -> None:
    admin = AdminClient(client_settings(topics))
    admin.delete_topics([topic.name])[topic.name].result()
    with WorkerProcess(env) as worker:
        assert worker.exit_code(30) == 1
        assert f"lacks {topic.name}; run 'romashka topics' first" in worker.log()
