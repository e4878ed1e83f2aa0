"""``romashka migrate``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.filesize import decimal

from cli.console import err, out, styled, table
from cli.settings import Settings, settings
from models.counting import counted
from models.errors import SettingsError
from sinks import migrations
from storage.cluster_move import ClusterMove, OldServer, Step
from storage.connection import connect
from storage.retention import apply_retention

_ANSWER_SECONDS: Final = 24 * 3_600


def migrate(
    to_cluster: Annotated[
        bool, typer.Option("--to-cluster", help="Move the tables of one server into the cluster's database")
    ] = False,
    source_database: Annotated[str, typer.Option(help="Database to move, with --to-cluster")] = "",
    source_host: Annotated[str, typer.Option(help="host:port of its native protocol; empty: this server")] = "",
    source_user: Annotated[
        str, typer.Option(help="User there; ROMASHKA_CLICKHOUSE_SOURCE_PASSWORD is its password")
    ] = ("default"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be moved, and move nothing")] = False,
) -> None:
    """Create the database and apply pending migrations; --to-cluster moves one server's tables to a cluster.

    Example: `ROMASHKA_CLICKHOUSE_URL=http://127.0.0.1:8123 romashka migrate`

    --to-cluster may be interrupted and run again: what was moved is noted. Programs start on the new database once the
    rows of every table and tenant agree.
    """
    config = settings()
    if not to_cluster and (source_database or source_host or dry_run):
        raise SettingsError("--source-database, --source-host and --dry-run belong to --to-cluster")
    if to_cluster and not config.clickhouse_cluster:
        raise SettingsError("--to-cluster needs ROMASHKA_CLICKHOUSE_CLUSTER, the name of the cluster")
    if to_cluster and not source_database:
        raise SettingsError("--to-cluster needs --source-database, the database to move")
    if to_cluster and not source_host and source_database == config.clickhouse_database:
        raise SettingsError("--source-database is the cluster's own; give ROMASHKA_CLICKHOUSE_DATABASE another name")
    _migrate(config)
    if to_cluster:
        password = config.clickhouse_source_password.get_secret_value()
        _move(config, OldServer(source_database, source_host, source_user, password), dry_run=dry_run)


def _migrate(config: Settings) -> None:
    applied = migrations.migrate(config.clickhouse)
    if config.retention_days:
        with connect(config.clickhouse) as client:
            for name, days in apply_retention(client, config.retention_days).items():
                out.print(f"{name} keeps its rows for {counted(days, 'day')}", highlight=False)
    for migration in applied:
        out.print(styled("applied [bold]{}_{}[/]", f"{migration.version:04d}", migration.name))
    if not applied:
        out.print("every migration was applied already")


def _move(config: Settings, source: OldServer, *, dry_run: bool) -> None:
    if not dry_run:
        migrations.create_moves(config.clickhouse)
    with connect(config.clickhouse, answer_seconds=_ANSWER_SECONDS) as client:
        move = ClusterMove(client, config.clickhouse_cluster, source, _said)
        if dry_run:
            _show(move.plan())
            return
        moved = move.run(lambda: datetime.now(UTC))
        out.print(f"{counted(moved, 'partition')} moved; comparing the rows of every table and tenant")
        move.complete(datetime.now(UTC))
    out.print(
        f"the counts agree. Start every program with ROMASHKA_CLICKHOUSE_DATABASE={config.clickhouse_database} and "
        f"ROMASHKA_CLICKHOUSE_CLUSTER={config.clickhouse_cluster}; before that run 'romashka access clickhouse', after "
        "it 'romashka doctor'",
        soft_wrap=True,
    )


def _said(step: Step, what: str) -> None:
    if what == "doing":
        err.print(f"{step.how} {step.table} {step.partition}: {counted(step.rows, 'row')}", highlight=False)


def _show(steps: list[Step]) -> None:
    rows = [(step.table, step.partition, step.how, f"{step.rows:,}", decimal(step.bytes)) for step in steps]
    out.print(table("To move", ("table", "partition", "how", "rows", "size"), rows, right=("rows", "size")))
    out.print(f"{counted(len(steps), 'partition')}, {decimal(sum(step.bytes for step in steps))}", highlight=False)
