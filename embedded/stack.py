"""Broker and database together, started at the same time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from embedded.broker import Broker
from embedded.database import Database


class EmbeddedStack:
    """Kafka and ClickHouse on the loopback address, without Docker or Java.

    Parameters
    ----------
    kafka_port, clickhouse_port
        0 picks a free port.
    data_dir
        The database's directory, kept afterwards; None keeps nothing. The broker never keeps anything.
    backups
        Folder for backups of the database; None allows none.

    Raises
    ------
    PortInUse, SettingsError, Unreachable
        From :meth:`start`; nothing is left running then.
    """

    def __init__(
        self,
        kafka_port: int = 0,
        clickhouse_port: int = 0,
        data_dir: Path | None = None,
        backups: Path | None = None,
    ) -> None:
        self.broker = Broker(kafka_port)
        self.database = Database(clickhouse_port, data_dir, backups)

    @property
    def kafka_bootstrap(self) -> str:
        """The broker as ``127.0.0.1:PORT``."""
        return self.broker.bootstrap

    @property
    def clickhouse_url(self) -> str:
        """The database as ``http://127.0.0.1:PORT``."""
        return self.database.url

    def start(self) -> Self:
        """Start both and wait until both answer."""
        try:
            self.database.launch()
            self.broker.launch()
            self.broker.wait_until_ready()
            self.database.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both; harmless when they are not running."""
        self.broker.stop()
        self.database.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
