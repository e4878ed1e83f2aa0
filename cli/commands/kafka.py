"""``romashka replay``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Final, NamedTuple

import typer
from rich.progress import Progress

from cli.console import err, out, styled
from cli.settings import settings
from models.counting import counted
from models.dead_letters import DeadLetter
from models.errors import SettingsError
from models.topics import INGEST, Topic
from streams.bulk_producer import BulkProducer, OutgoingMessage, tenant_key
from streams.decode import Decoder, RecordSource

# Standard input beyond this size is buffered on disk.
_MEMORY_BYTES: Final = 64 * 1024 * 1024


def replay(
    file: Annotated[Path, typer.Argument(help="JSON Lines file, one event per line; - reads standard input")],
    topic: Annotated[str, typer.Option(help="Topic, for example queries or integration.queries.v1")],
) -> None:
    """Publish the events of a file, keyed by their tenant.

    What is not a valid event is published too, and becomes a dead letter: the file goes in as it is. How many those
    are, by reason, is said before anything is sent.

    Example: `romashka replay events.jsonl --topic queries`
    """
    chosen = _topic_named(topic)
    name = chosen.name
    with _kept(sys.stdin.buffer) if str(file) == "-" else _opened(file) as source:
        _announce_rejections(source, chosen, datetime.now(UTC))
        source.seek(0)
        _publish(source, name)


def _publish(source: IO[bytes], name: str) -> None:
    with Progress(console=err, transient=True) as progress, BulkProducer(settings().kafka) as producer:
        task = progress.add_task(f"publishing to {name}", total=None)
        for message in _messages(source, name):
            producer.send(message)
            progress.advance(task)
        producer.flush()
    out.print(styled("published [bold]{}[/] messages to {}", producer.delivered, name))


class _Line(NamedTuple):
    """A message of a file as a record for the decoder."""

    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def _announce_rejections(source: IO[bytes], topic: Topic, now: datetime) -> None:
    """Print how many messages the worker's decoder will reject, and why."""
    decoder, place = Decoder(topic), RecordSource(topic.name, 0, 0)
    lines, examples, counts = 0, dict[str, DeadLetter](), Counter[str]()
    for line, message in enumerate(_messages(source, topic.name)):
        lines += 1
        record = _Line(line, message.key, message.value)
        for letter in decoder.decode([record], place, now=now).rejected:
            counts[letter.reason] += 1
            examples.setdefault(letter.reason, letter)
    for reason, count in counts.most_common():
        detail = examples[reason].detail
        err.print(
            f"{count} of {counted(lines, 'message')} will be rejected: {reason} ({detail})",
            markup=False,
            highlight=False,
        )


def _messages(source: IO[bytes], topic: str) -> Iterator[OutgoingMessage]:
    for line in source:
        if value := line.rstrip(b"\r\n"):
            yield OutgoingMessage(topic, tenant_key(value), value)


def _kept(source: IO[bytes]) -> IO[bytes]:
    """Return the content of a stream as a seekable file."""
    kept = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(source, kept)
    kept.seek(0)
    return kept


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error


def _topic_named(given: str) -> Topic:
    named = {topic.name: topic for topic in INGEST} | {topic.name.split(".")[1]: topic for topic in INGEST}
    if given not in named:
        raise SettingsError(f"--topic is '{given}'; expected one of {', '.join(sorted(named))}")
    return named[given]
