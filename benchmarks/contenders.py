"""The compared workers: ours, and the same job on stock Faust, Quix Streams, sentry-arroyo and in a bare loop."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Final, NamedTuple

from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress


class Place(NamedTuple):
    """The servers and names of one round; everything except Kafka is new in every round."""

    kafka: KafkaAddress
    clickhouse: ClickHouseAddress
    group: str
    metrics_port: int


class Launch(NamedTuple):
    """Command and environment of a worker process."""

    command: list[str]
    environment: dict[str, str]


class Contender(NamedTuple):
    """One variant of the agent.

    It processes ``1 / divisor`` of the events, because only rates are compared and slow variants would take long.
    ``package`` is the framework's, where it is none of the project's dependencies.
    """

    name: str
    divisor: int
    launch: Callable[[Place], Launch]
    package: str = ""


def _ours(place: Place) -> Launch:
    settings = {
        "KAFKA_BOOTSTRAP": place.kafka.bootstrap,
        "KAFKA_GROUP": place.group,
        "KAFKA_SESSION_SECONDS": "6",
        "CLICKHOUSE_URL": place.clickhouse.url,
        "CLICKHOUSE_DATABASE": place.clickhouse.database,
        "METRICS_PORT": str(place.metrics_port),
        "PSEUDONYM_KEY": base64.b64encode(bytes(32)).decode(),
    }
    environment = os.environ | {f"ROMASHKA_{name}": value for name, value in settings.items()}
    return Launch([sys.executable, "-m", "cli.main", "worker"], environment)


def _module(module: str, mode: str) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        options = {
            "--bootstrap": place.kafka.bootstrap,
            "--group": place.group,
            "--clickhouse-url": place.clickhouse.url,
            "--database": place.clickhouse.database,
            "--metrics-port": str(place.metrics_port),
        }
        flat = [text for pair in options.items() for text in pair]
        return Launch([sys.executable, "-m", module, mode, *flat], dict(os.environ))

    return launch


OURS: Final = Contender("romashka worker", 1, _ours)
STOCK: Final = (
    Contender("stock Faust, lists", 12, _module("benchmarks.stock", "take")),
    Contender("stock Faust, single", 120, _module("benchmarks.stock", "one")),
)
PEERS: Final = (
    Contender("bare confluent-kafka loop, lists", 1, _module("benchmarks.peers.bare", "lists")),
    Contender("bare confluent-kafka loop, single", 4, _module("benchmarks.peers.bare", "single")),
    Contender("Quix Streams, lists", 1, _module("benchmarks.peers.quix", "lists"), "quixstreams"),
    Contender("Quix Streams, single", 4, _module("benchmarks.peers.quix", "single"), "quixstreams"),
    Contender("sentry-arroyo, lists", 1, _module("benchmarks.peers.arroyo", "lists"), "arroyo"),
    Contender("sentry-arroyo, single", 4, _module("benchmarks.peers.arroyo", "single"), "arroyo"),
)


def missing(contenders: Sequence[Contender]) -> list[str]:
    """Return the packages of contenders that are not installed."""
    return sorted({one.package for one in contenders if one.package and find_spec(one.package) is None})
