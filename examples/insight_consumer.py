"""Tells each finding of the detectors once, and again only when something about it has changed.

The topic is delivered at least once, and a finding is published again while it develops: it keeps its ``id``, and the
message with the newest ``updated_at`` counts. Replace ``tell`` by what your team reads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer

TOPIC = "integration.insights.v1"


class Findings:
    """The newest version of each finding by its id."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, tuple[str, str, str]]] = {}

    def changed(self, message: dict[str, Any]) -> bool:
        """Take a message; return whether title, severity or status differ from the newest one before it."""
        updated_at, said = message["updated_at"], (message["title"], message["severity"], message["status"])
        before = self._known.get(message["id"])
        if before is not None and before[0] >= updated_at:
            return False  # delivered again, or older than what is known
        self._known[message["id"]] = (updated_at, said)
        return before is None or before[1] != said


def messages(consumer: Consumer, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the insights that arrive, until none came for ``seconds`` of reading (0: without end)."""
    last = None
    while not seconds or last is None or time.monotonic() - last < seconds:
        record = consumer.poll(0.5)
        if record is None:
            if last is None and consumer.assignment():
                last = time.monotonic()  # partitions are there: from now on silence means that nothing came
            continue
        if error := record.error():
            raise SystemExit(f"Kafka: {error.str()}")
        last = time.monotonic()
        value = record.value()
        if value is not None:
            yield json.loads(value)


def tell(insight: dict[str, Any]) -> None:
    """Print a finding as two lines: what, and what to do first."""
    actions = insight["recommended_actions"]
    sys.stdout.write(f"{insight['severity']:>8}  {insight['status']:<6}  {insight['title']}\n")
    sys.stdout.write(f"{'':16}  {actions[0] if actions else insight['summary']}\n")


def main() -> None:
    """Read the options and follow the topic."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="Kafka's address (default: %(default)s)")
    parser.add_argument("--group", default="insight-consumer", help="consumer group (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0, help="stop when nothing came for so long (0: never)")
    options = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": options.bootstrap,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([TOPIC])
    findings = Findings()
    try:
        for insight in messages(consumer, options.seconds):
            if findings.changed(insight):
                tell(insight)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
