"""Backups of the database with ClickHouse's BACKUP and RESTORE, and the comparison of a backup with the live data.

A backup may be taken while workers write: what it lacks is still in Kafka, and is read again with a margin, because an
insert into several partitions of a table is not stored in one step. Functions belong to no database, so they are
created from the migrations before a backup is restored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import ConfigurationError, InvalidRequest, RomashkaError
from models.topics import EVENT_TABLES, QUERIES
from storage.literals import literal
from storage.reading import query_rows

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DISK: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_EXPECTED: Final = "expected disk:NAME, file:/FOLDER, or s3:https://HOST/BUCKET/FOLDER"
_POLL_SECONDS: Final = 0.5
_STATE: Final = "SELECT status, error, num_files, total_size FROM system.backups WHERE id = {id:String}"
_NOT_FOUND: Final = 599
_ALLOW: Final = "allow the place in ClickHouse's configuration (backups.allowed_disk or backups.allowed_path)"
_HINTS: Final[Mapping[int, str]] = {
    36: _ALLOW,
    318: _ALLOW,
    479: "define the disk in ClickHouse's configuration (storage_configuration.disks)",
    497: "give the user BACKUP and RESTORE, or use the one that runs 'romashka migrate'",
    598: "choose another name: this backup is there already",
    _NOT_FOUND: "check the name and ROMASHKA_BACKUP_DESTINATION",
}
# Of a partition of a topic, live rows that were stored before the backup's last one.
_COMPARED: Final = """
SELECT
    (SELECT uniqExact(event_id) FROM {backup:Identifier}.{table:Identifier}) AS restored,
    uniqExact(l.event_id) AS expected,
    uniqExactIf(l.event_id, l.event_id NOT IN (SELECT event_id FROM {backup:Identifier}.{table:Identifier})) AS missing
FROM {live:Identifier}.{table:Identifier} AS l
INNER JOIN (
    SELECT topic_epoch, kafka_partition, max(kafka_offset) AS last
    FROM {backup:Identifier}.{table:Identifier} GROUP BY topic_epoch, kafka_partition
) AS ends ON ends.topic_epoch = l.topic_epoch AND ends.kafka_partition = l.kafka_partition
WHERE l.kafka_offset <= ends.last
"""
_TABLES: Final = """
SELECT name, ifNull(total_rows, 0) AS rows FROM system.tables
WHERE database = {database:String} AND engine LIKE '%MergeTree' AND NOT startsWith(name, '.') ORDER BY name
"""
_TABLE_COUNT: Final = "SELECT count() AS tables FROM system.tables WHERE database = {database:String}"
_LAST_HOUR: Final = "SELECT toStartOfHour(max(created_at)) AS hour, count() AS events FROM integration_query_metrics"
_LAST_ROWS: Final = """
SELECT kafka_partition AS partition, max(kafka_offset) AS last FROM {table:Identifier}
WHERE topic_epoch = {epoch:UInt64} GROUP BY partition
"""
_LAST_WINDOWS: Final = """
SELECT partition, max(version) AS last FROM query_windows WHERE topic_epoch = {epoch:UInt64} GROUP BY partition
"""


class BackupPlace(NamedTuple):
    """Where backups are kept: ``kind`` is disk, file or s3; ``where`` the disk's name, the folder or the address."""

    kind: str
    where: str
    key_id: str = ""
    secret: str = ""

    def expression(self, name: str) -> str:
        """Return the place of one backup as SQL.

        Raises
        ------
        InvalidRequest
            The name has characters that not every place takes.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequest("name", f"'{name}' is no name of a backup; expected letters, digits and . _ -")
        if self.kind == "disk":
            return f"Disk({literal(self.where)}, {literal(name)})"
        if self.kind == "file":
            return f"File({literal(f'{self.where}/{name}')})"
        keys = f", {literal(self.key_id)}, {literal(self.secret)}" if self.key_id else ""
        return f"S3({literal(f'{self.where}/{name}')}{keys})"


class BackupSize(NamedTuple):
    """What a backup or its restoration has done so far."""

    files: int
    bytes: int


class Comparison(NamedTuple):
    """A table of a backup beside the live one.

    ``expected`` counts live events stored before the last of the backup, ``missing`` those that the backup lacks.
    """

    table: str
    restored: int
    expected: int
    missing: int


def backup_place(text: str, key_id: str = "", secret: str = "") -> BackupPlace:
    """Return the place that ``ROMASHKA_BACKUP_DESTINATION`` names.

    Raises
    ------
    ConfigurationError
        None is set, or it is not one that is known.
    """
    kind, _, where = text.partition(":")
    where = where.rstrip("/") or where
    if not text:
        raise ConfigurationError(f"ROMASHKA_BACKUP_DESTINATION is not set; {_EXPECTED}")
    good = {
        "disk": lambda: bool(_DISK.fullmatch(where)),
        "file": lambda: where.startswith("/") and "/../" not in f"{where}/",
        "s3": lambda: urlsplit(where).scheme == "https" and bool(urlsplit(where).hostname) and "@" not in where,
    }
    if kind not in good or not where.isprintable() or not good[kind]():
        raise ConfigurationError(f"ROMASHKA_BACKUP_DESTINATION is no place for backups; {_EXPECTED}")
    return BackupPlace(kind, where, key_id, secret)


class Backups:
    """Makes and restores backups of a database.

    Parameters
    ----------
    client
        A connection with a default database that exists.
    told
        Called with the size so far, about twice a second.
    """

    def __init__(self, client: Client, database: str, place: BackupPlace, told: Callable[[BackupSize], None]) -> None:
        self._client = client
        self._database = database
        self._place = place
        self._told = told

    def create(self, name: str, base: str = "") -> BackupSize:
        """Back up the database and return the size.

        Parameters
        ----------
        base
            Name of an earlier backup: only what changed since is stored, and both are needed to restore. Empty: none.

        Raises
        ------
        InvalidRequest
            The name has characters that not every place takes.
        RomashkaError
            ClickHouse refused or failed; says why and what to do.
        """
        since = f" SETTINGS base_backup = {self._place.expression(base)}" if base else ""
        return self._run(f"BACKUP DATABASE {_quoted(self._database)} TO {self._place.expression(name)}{since}")

    def restore(self, name: str, into: str) -> BackupSize:
        """Restore a backup of the database as the new database ``into``; raises as ``create`` does."""
        return self._run(
            f"RESTORE DATABASE {_quoted(self._database)} AS {_quoted(into)} FROM {self._place.expression(name)}"
        )

    def _failure(self, text: str, code: int | None) -> RomashkaError:
        found = re.search(r"Code: (\d+)", text)
        number = code or (int(found[1]) if found else 0)
        reason = " ".join(text.partition(", Stack trace")[0].split())
        for hidden in (literal(self._place.secret), self._place.secret):
            reason = reason.replace(hidden, "[hidden]") if self._place.secret else reason
        return RomashkaError(f"ClickHouse refused: {reason[:300]}; {_HINTS.get(number, 'see its log')}")

    def _run(self, statement: str) -> BackupSize:
        try:
            ((id_, *_),) = self._client.query(f"{statement} ASYNC").result_rows
            while True:
                rows = self._client.query(_STATE, parameters={"id": id_}).result_rows
                if not rows:
                    raise RomashkaError(
                        "ClickHouse was restarted and no longer knows of it; begin again under another name"
                    )
                ((status, error, files, size),) = rows
                self._told(BackupSize(files, size))
                if status in {"BACKUP_CREATED", "RESTORED"}:
                    return BackupSize(files, size)
                if error:
                    raise self._failure(str(error), None)
                time.sleep(_POLL_SECONDS)
        except ClickHouseError as error:
            raise self._failure(str(error), getattr(error, "code", None)) from error


def compare(client: Client, live: str, backup: str) -> list[Comparison]:
    """Compare the events of a restored backup with the live ones, and the other tables by their rows.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    events = set(EVENT_TABLES.values())
    parameters = {"live": live, "backup": backup}
    found = []
    for table in sorted(events):
        (row,) = query_rows(client, _COMPARED, {**parameters, "table": table})
        found.append(Comparison(table, row["restored"], row["expected"], row["missing"]))
    there = {row["name"]: row["rows"] for row in query_rows(client, _TABLES, {"database": backup})}
    found += [
        Comparison(row["name"], there.get(row["name"], 0), row["rows"], int(row["name"] not in there))
        for row in query_rows(client, _TABLES, {"database": live})
        if row["name"] not in events
    ]
    return found


def table_count(client: Client, database: str) -> int:
    """Return the number of tables of a database, 0 where it does not exist; raises ``Unreachable``."""
    (row,) = query_rows(client, _TABLE_COUNT, {"database": database})
    return int(row["tables"])


def last_hour(client: Client) -> datetime | None:
    """Return the hour of the newest query in UTC, ``None`` without any; raises ``Unreachable``."""
    (row,) = query_rows(client, _LAST_HOUR, {}, aware=True)
    return row["hour"] if row["events"] else None


def resume_offsets(client: Client, epochs: Mapping[str, int]) -> dict[tuple[str, int], int]:
    """Return topic and partition → the first offset that the database may not hold.

    Partitions without rows are left out. Queries go on where both their rows and their windows are stored; the windows
    are written last.

    Parameters
    ----------
    epochs
        Topic name → epoch: rows of a topic that was deleted since say nothing about offsets.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    found: dict[tuple[str, int], int] = {}
    for topic, table in EVENT_TABLES.items():
        for row in query_rows(client, _LAST_ROWS, {"table": table, "epoch": epochs[topic]}):
            found[topic, row["partition"]] = row["last"] + 1
    windows = {
        row["partition"]: row["last"] for row in query_rows(client, _LAST_WINDOWS, {"epoch": epochs[QUERIES.name]})
    }
    for topic, partition in [key for key in found if key[0] == QUERIES.name]:
        found[topic, partition] = min(found[topic, partition], windows.get(partition, -1) + 1)
    return found


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
