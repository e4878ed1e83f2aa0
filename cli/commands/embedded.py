"""``romashka embedded``."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from cli.console import err, out
from embedded.stack import EmbeddedStack

_PORT = "Port on 127.0.0.1; 0 picks a free one"


def run(
    kafka_port: Annotated[int, typer.Option(help=_PORT)] = 9092,
    clickhouse_port: Annotated[int, typer.Option(help=_PORT)] = 8123,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for the database; temporary if not given")] = None,
    backups: Annotated[
        Path | None, typer.Option(help="Folder for backups (ROMASHKA_BACKUP_DESTINATION=file:/FOLDER)")
    ] = None,
) -> None:
    """Run a Kafka broker and a ClickHouse database on this machine, without Docker.

    Prints the addresses as `export` lines; Ctrl-C stops both. The broker keeps its messages in memory.

    Example: `romashka embedded --kafka-port 0 --clickhouse-port 0 --data-dir var/clickhouse`
    """
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with EmbeddedStack(kafka_port, clickhouse_port, data_dir, backups) as stack:
        out.print(f"export ROMASHKA_KAFKA_BOOTSTRAP={stack.kafka_bootstrap}", highlight=False, soft_wrap=True)
        out.print(f"export ROMASHKA_CLICKHOUSE_URL={stack.clickhouse_url}", highlight=False, soft_wrap=True)
        out.print("export ROMASHKA_KAFKA_SESSION_SECONDS=6", highlight=False)
        err.print("Running; Ctrl-C stops both.", style="dim")
        stop.wait()
