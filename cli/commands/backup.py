"""``romashka backup``: backups of the database, checked by restoring them beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Annotated, Any, Final

import typer
from clickhouse_connect.driver.client import Client
from rich.filesize import decimal
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.command_audit import audited
from cli.console import err, out, table
from cli.settings import Settings, settings
from jobs.roll_ups import refresh
from kpis.query import ALL_TENANTS, Scope, build_query
from models.counting import agreeing, counted
from models.errors import ConfigurationError, RomashkaError
from models.topics import INGEST
from sinks.migrations import create_functions, migrate
from storage.backups import (
    BackupPlace,
    Backups,
    BackupSize,
    backup_place,
    compare,
    last_hour,
    resume_offsets,
    table_count,
)
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows

app = typer.Typer(help="Backups of the database: create, check and restore them.", no_args_is_help=True)

_ANSWER_SECONDS: Final = 3_600
_FIGURES: Final = (
    "query_count",
    "query_success_rate",
    "latency_p95_ms",
    "conversation_count",
    "csat",
    "value_generated",
)
_DAYS: Final = 30

Name = Annotated[str, typer.Argument(help="Name of the backup")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the backup; its time if not given")] = "",
    base: Annotated[str, typer.Option(help="Earlier backup for an incremental one")] = "",
) -> None:
    """Back up the database. Workers may continue: a restore reads later events from Kafka again.

    Example: `ROMASHKA_BACKUP_DESTINATION=disk:backups romashka backup create`
    """
    config = settings()
    chosen = name or f"romashka-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    place = _place(config)
    details: dict[str, Any] = {"base": base}
    with (
        connect(config.clickhouse, answer_seconds=_ANSWER_SECONDS) as client,
        audited(client, "backup.create", chosen, details),
        _progress("backing up") as told,
    ):
        size = Backups(client, config.clickhouse_database, place, told).create(chosen, base)
        details["bytes"] = size.bytes
    out.print(f"backup {chosen}: {counted(size.files, 'file')}, {decimal(size.bytes)}", highlight=False)
    out.print(f"Check it with: romashka backup check {chosen}", style="dim", highlight=False)


@app.command()
def check(name: Name) -> None:
    """Restore a backup beside the live database, compare both, and remove it again. Needs disk space for it.

    Every event that was stored before the backup's last one must be in it, and figures must be the same.

    Example: `romashka backup check romashka-20261129T020000Z`
    """
    config = settings()
    place = _place(config)
    beside = config.clickhouse._replace(database=f"{config.clickhouse_database}_check_{token_hex(4)}")
    with connect(config.clickhouse, answer_seconds=_ANSWER_SECONDS) as client:
        try:
            with _progress("restoring beside the live database") as told:
                Backups(client, config.clickhouse_database, place, told).restore(name, beside.database)
            compared = compare(client, config.clickhouse_database, beside.database)
            figures = _figures(client, beside)
        finally:
            client.command("DROP DATABASE IF EXISTS {name:Identifier}", parameters={"name": beside.database})
    rows = [(one.table, one.restored, one.expected, one.missing or "") for one in compared]
    out.print(
        table(
            f"Backup {name}",
            ("table", "in the backup", "live", "missing"),
            rows,
            right=("in the backup", "live", "missing"),
        )
    )
    out.print(table(f"Figures of the {_DAYS} days before it", ("figure", "in the backup", "live"), figures))
    missing = sum(one.missing for one in compared)
    different = [figure for figure, restored, live in figures if restored != live]
    if missing:
        raise RomashkaError(f"backup {name} lacks {counted(missing, 'row or table', 'rows or tables')}; make another")
    if different:
        raise RomashkaError(
            f"{', '.join(different)} {agreeing(len(different), 'differs', 'differ')}: late events of those days may "
            "have come since the backup; to be sure, stop the workers, then make and check another"
        )
    out.print("the backup is complete: nothing is missing, and every figure is the same")


@app.command("restore")
def restore_(
    name: Name,
    keep_offsets: Annotated[
        bool, typer.Option("--keep-offsets", help="Leave Kafka's committed offsets unchanged")
    ] = False,
) -> None:
    """Restore a backup into an empty server, and rewind the workers' offsets to it.

    Stop every worker first. What is read twice counts once.

    Example: `romashka backup restore romashka-20261129T020000Z`
    """
    config = settings()
    place = _place(config)
    database = config.clickhouse_database
    with connect(config.clickhouse, database="default", answer_seconds=_ANSWER_SECONDS) as client:
        if tables := table_count(client, database):
            raise RomashkaError(
                f"database '{database}' has {counted(tables, 'table')}; restore into a server without it"
            )
        create_functions(client)
        with _progress("restoring") as told:
            size = Backups(client, database, place, told).restore(name, database)
    applied = migrate(config.clickhouse)
    with connect(config.clickhouse) as client, audited(client, "backup.restore", name, {"migrations": len(applied)}):
        out.print(
            f"restored {name}: {decimal(size.bytes)}, then {counted(len(applied), 'migration')} applied",
            highlight=False,
        )
        if not keep_offsets:
            _read_again(config, client)
    out.print(
        "Next: 'romashka access clickhouse' where users are managed, 'romashka doctor', then start the workers.",
        "'romashka audit verify' says that the log ends earlier than what was noted of it: that is this restoration.",
        sep="\n",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def rewind() -> None:
    """Rewind Kafka's committed offsets to the database's content, as 'restore' does. Stop every worker first.

    Example: `romashka backup rewind`
    """
    config = settings()
    with connect(config.clickhouse) as client, audited(client, "backup.rewind", config.kafka_group, {}):
        _read_again(config, client)


def _read_again(config: Settings, client: Client) -> None:
    """Set the consumer group back, and print how much is read again and what Kafka has deleted."""
    from streams import group_offsets  # noqa: PLC0415 - Kafka's libraries take long to import
    from streams.kafka import topic_epochs  # noqa: PLC0415 - as above

    stored = resume_offsets(client, topic_epochs(config.kafka, INGEST))
    rewound = group_offsets.rewind(config.kafka, config.kafka_group, INGEST, stored)
    again = sum(one.committed - one.offset for one in rewound)
    out.print(
        f"{counted(again, 'message')} of {counted(len(rewound), 'partition')} will be read again", highlight=False
    )
    lost = [(one.topic, one.partition, one.lost) for one in rewound if one.lost]
    if lost:
        out.print(
            table(
                "Deleted by Kafka and not in the database, at most",
                ("topic", "partition", "messages"),
                lost,
                right=("messages",),
            )
        )


def _place(config: Settings) -> BackupPlace:
    if config.clickhouse_cluster:
        raise ConfigurationError(
            "romashka backup is for one server; on a cluster use BACKUP DATABASE ... ON CLUSTER (docs/install.md)"
        )
    return backup_place(config.backup_destination, config.backup_s3_key_id, config.backup_s3_secret.get_secret_value())


def _figures(client: Client, beside: ClickHouseAddress) -> list[tuple[str, str, str]]:
    """Return figures of the last whole hours that the backup knows, there and in the live database."""
    with connect(beside, answer_seconds=_ANSWER_SECONDS) as restored:
        end = last_hour(restored)
        if end is None:
            return []
        scope = Scope(end - timedelta(days=_DAYS), end, ALL_TENANTS, as_of=end)
        question = build_query(_FIGURES, scope)
        for one in (restored, client):
            refresh(one)  # figures of conversations follow the events within half a minute
        (theirs,), (ours,) = query_rows(restored, *question), query_rows(client, *question)
    return [(id_, str(theirs[id_]), str(ours[id_])) for id_ in _FIGURES]


@contextmanager
def _progress(what: str) -> Iterator[Callable[[BackupSize], None]]:
    """Show how far ClickHouse is, on a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=None, size="")
        yield lambda size: progress.update(task, size=decimal(size.bytes))
