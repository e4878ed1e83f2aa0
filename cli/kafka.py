"""``romashka topics`` and ``romashka replay``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import Progress

from cli.console import err, out, styled
from cli.settings import settings
from models.errors import SettingsError
from models.topics import INGEST
from streams.kafka import create_topics
from streams.produce import BulkProducer, Message, tenant_key


def topics() -> None:
    """Create the topics that are not there yet.

    Example: `ROMASHKA_KAFKA_BOOTSTRAP=127.0.0.1:9092 romashka topics`
    """
    config = settings()
    created = create_topics(config.kafka, replication=config.kafka_replication)
    for topic in created:
        out.print(styled("created [bold]{}[/] with {} partitions", topic.name, topic.partitions))
    if not created:
        out.print("every topic is there already")


def replay(
    file: Annotated[Path, typer.Argument(help="JSON Lines, one event a line; - reads standard input")],
    topic: Annotated[str, typer.Option(help="Where to, for example queries or integration.queries.v1")],
) -> None:
    """Publish the events of a file, keyed by their tenant.

    What is not a valid event is published too, and becomes a dead letter: the file goes in as it is.

    Example: `romashka replay events.jsonl --topic queries`
    """
    name = _topic_name(topic)
    source = sys.stdin.buffer if str(file) == "-" else _opened(file)
    with source, Progress(console=err, transient=True) as progress, BulkProducer(settings().kafka) as producer:
        task = progress.add_task(f"publishing to {name}", total=None)
        for message in _messages(source, name):
            producer.send(message)
            progress.advance(task)
        producer.flush()
    out.print(styled("published [bold]{}[/] messages to {}", producer.delivered, name))


def _messages(source: BinaryIO, topic: str) -> Iterator[Message]:
    for line in source:
        if value := line.rstrip(b"\r\n"):
            yield Message(topic, tenant_key(value), value)


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error


def _topic_name(given: str) -> str:
    names = {topic.name: topic.name for topic in INGEST} | {topic.name.split(".")[1]: topic.name for topic in INGEST}
    if given not in names:
        raise SettingsError(f"--topic is '{given}'; expected one of {', '.join(sorted(names))}")
    return names[given]
