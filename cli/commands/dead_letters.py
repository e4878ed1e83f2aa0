"""``romashka dead-letters``: lists, shows and replays rejected messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.arguments import After, Limit, after, say_next
from cli.console import err, out, styled, table
from cli.settings import settings
from models.counting import counted
from models.errors import SettingsError
from models.pages import Listing
from storage.connection import connect
from storage.dead_letter_store import DeadLetterFilter, DeadLetterStore, Key, StoredLetter
from storage.fingerprints import check_secrets
from storage.payload_cipher import PayloadCipher
from streams.bulk_producer import BulkProducer, OutgoingMessage, tenant_key

app = typer.Typer(help="Rejected messages: list, show and replay them.", no_args_is_help=True)

_TOGETHER: Final = 500

_Topic = Annotated[str, typer.Option(help="Topic")]
_Reason = Annotated[str, typer.Option(help="Reason, for example invalid_json")]
_Partition = Annotated[int, typer.Option(help="Partition")]
_Offset = Annotated[int, typer.Option(help="Offset")]


@contextmanager
def _store() -> Iterator[DeadLetterStore]:
    config = settings()
    with connect(config.clickhouse) as client:
        check_secrets(client, config.keys)
        yield DeadLetterStore(client, PayloadCipher(config.secret, [secret for _, secret in config.old_keys]))


@app.command("list")
def list_(
    topic: _Topic = "",
    reason: _Reason = "",
    limit: Limit = 20,
    after_: After = "",
    replayed: Annotated[bool, typer.Option("--replayed", help="Include replayed messages")] = False,
) -> None:
    """Show the number of rejected messages by reason, and the oldest of them.

    Example: `romashka dead-letters list --reason invalid_json`
    """
    last = after(after_, Listing.DEAD_LETTERS, datetime, str, int, int, int)
    wanted = DeadLetterFilter(
        topic=topic, reason=reason, replayed=replayed, limit=limit, after=Key(*last) if last else None
    )
    with _store() as store:
        counts = store.counts()
        letters, more = store.page(wanted)
    say_next(more)
    if not counts:
        out.print("no message was rejected")
        return
    columns = ("topic", "stage", "reason", "letters", "replayed", "example")
    out.print(table("By reason", columns, ([row[c] for c in columns] for row in counts), right=("letters", "replayed")))
    rows = ((f"{x.received_at:%Y-%m-%d %H:%M:%S}", x.topic, x.partition, x.offset, x.reason, x.detail) for x in letters)
    headings = ("received", "topic", "partition", "offset", "reason", "detail")
    out.print(table(f"The oldest {len(letters)}", headings, rows, right=("partition", "offset")))
    out.print("Look at one with: romashka dead-letters show --topic TOPIC --partition N --offset N", style="dim")


@app.command()
def show(
    topic: Annotated[str, typer.Option(help="Topic")],
    partition: Annotated[int, typer.Option(help="Partition")],
    offset: Annotated[int, typer.Option(help="Offset")],
    raw: Annotated[bool, typer.Option("--raw", help="Print the raw bytes only")] = False,
) -> None:
    """Decrypt and show one message. It may hold personal data.

    Example: `romashka dead-letters show --topic integration.queries.v1 --partition 3 --offset 17`
    """
    with _store() as store:
        letters = store.find(DeadLetterFilter(topic=topic, partition=partition, offset=offset, replayed=True))
    if not letters:
        raise SettingsError(f"there is no dead letter of {topic} at partition {partition}, offset {offset}")
    for letter in letters:
        if raw:
            typer.get_binary_stream("stdout").write(letter.raw + b"\n")
            continue
        out.print(styled("[bold]{}[/] partition {} offset {}", letter.topic, letter.partition, letter.offset))
        out.print(f"rejected at {letter.stage}: {letter.reason}: {letter.detail}", highlight=False)
        out.print(f"received {letter.received_at:%Y-%m-%d %H:%M:%S} UTC; replayed {letter.replayed_at or 'never'}")
        out.print(letter.raw.decode("utf-8", "backslashreplace"), highlight=False, soft_wrap=True)


@app.command()
def replay(
    topic: _Topic = "",
    reason: _Reason = "",
    partition: _Partition = -1,
    offset: _Offset = -1,
    repaired: Annotated[
        Path | None,
        typer.Option(
            help='JSON Lines of repaired messages: {"topic", "partition", "offset", "value": {the event}}; '
            "only these are replayed"
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of messages")] = 10_000,
) -> None:
    """Replay rejected messages to their topic: unchanged (after the worker was fixed), or repaired.

    A message that is sent again is marked, and not sent twice. One that is still not valid becomes a new dead letter.

    Example: `romashka dead-letters replay --reason not_allowed`
    """
    config = settings()
    repairs = _repairs(repaired) if repaired is not None else None
    with _store() as store:
        wanted = DeadLetterFilter(topic=topic, reason=reason, partition=partition, offset=offset)
        sent = 0
        with BulkProducer(config.kafka) as producer:
            for letters in _pages(store, wanted, limit):
                some = [letter for letter in letters if repairs is None or _place(letter) in repairs]
                for letter in some:
                    value = letter.raw if repairs is None else repairs[_place(letter)]
                    producer.send(OutgoingMessage(letter.topic, tenant_key(value) or letter.key or None, value))
                producer.flush()
                store.mark_replayed(some, datetime.now(UTC))
                sent += len(some)
    if not sent:
        out.print("nothing to send again")
        return
    out.print(styled("sent [bold]{}[/] again", counted(sent, "message")))
    if repairs is not None and sent < len(repairs):
        unmatched = len(repairs) - sent
        err.print(styled("[yellow]{} without a dead letter that waits[/]", counted(unmatched, "repaired message")))


def _pages(store: DeadLetterStore, wanted: DeadLetterFilter, limit: int) -> Iterator[list[StoredLetter]]:
    """Yield dead letters page by page, because all of them may not fit into memory."""
    left, last = limit, None
    while left > 0:
        letters, more = store.page(wanted._replace(limit=min(_TOGETHER, left), after=last))
        if letters:
            yield letters
            left, last = left - len(letters), letters[-1].place
        if more is None:
            return


def _place(letter: StoredLetter) -> tuple[str, int, int]:
    return (letter.topic, letter.partition, letter.offset)


def _repairs(file: Path) -> dict[tuple[str, int, int], bytes]:
    repairs = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            row = json.loads(line)
            repairs[row["topic"], int(row["partition"]), int(row["offset"])] = json.dumps(row["value"]).encode()
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{file} line {number}: expected an object with topic, partition, offset and value ({error})"
            ) from error
    return repairs
