"""Numbered, forward-only SQL migrations.

Each file ``schema/NNNN_name.sql`` holds idempotent statements, so concurrent or interrupted runs end in the same
schema. Applied migrations are recorded in ``schema_migrations`` with the file's checksum: editing an applied migration
is an error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from typing import Final, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from models.errors import SchemaMismatch
from storage import live_schema
from storage.connection import ClickHouseAddress, connect

_CREATE_LOG: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree(applied_at) ORDER BY version
"""


class Migration(NamedTuple):
    """One file of ``sinks/schema``."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Checksum of the file."""
        return sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The file's statements; each ends in a semicolon at the end of a line."""
        code = "\n".join(line for line in self.sql.splitlines() if not line.lstrip().startswith("--"))
        return [statement.strip() for statement in code.split(";\n") if statement.strip(" ;\n")]


def known() -> list[Migration]:
    """Return every migration this program has, oldest first."""
    files = sorted(resources.files("sinks").joinpath("schema").iterdir(), key=lambda file: file.name)
    return [
        Migration(int(file.name[:4]), file.name[5:-4], file.read_text()) for file in files if file.name.endswith(".sql")
    ]


def migrate(address: ClickHouseAddress) -> list[Migration]:
    """Create the database if necessary and apply the missing migrations; return them.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    SchemaMismatch
        An applied migration differs from its file.
    """
    with connect(address, database="default") as client:
        client.command("CREATE DATABASE IF NOT EXISTS {database:Identifier}", parameters={"database": address.database})
    with connect(address) as client:
        client.command(_CREATE_LOG)
        missing = _missing(client)
        for migration in missing:
            for statement in migration.statements:
                client.command(statement)
            client.insert(
                "schema_migrations",
                [(migration.version, migration.name, migration.checksum)],
                column_names=["version", "name", "checksum"],
            )
        if missing:
            live_schema.note(client, datetime.now(UTC))
    return missing


def create_functions(client: Client) -> None:
    """Create the functions of all migrations: a backup of the database does not hold them, and its tables need them."""
    for statement in (one for migration in known() for one in migration.statements):
        if statement.startswith("CREATE OR REPLACE FUNCTION"):
            client.command(statement)


def missing(address: ClickHouseAddress) -> list[Migration]:
    """Return the missing migrations; raises as ``migrate`` does."""
    with connect(address) as client:
        try:
            return _missing(client)
        except DatabaseError as error:
            if error.code == 60:  # the table of migrations does not exist yet
                return known()
            raise


def require_current(address: ClickHouseAddress) -> None:
    """Raise ``SchemaMismatch`` unless every migration has been applied."""
    if lacking := missing(address):
        names = ", ".join(f"{migration.version:04d}_{migration.name}" for migration in lacking)
        raise SchemaMismatch(f"database '{address.database}' lacks the migrations {names}; run 'romashka migrate'")


def _missing(client: Client) -> list[Migration]:
    rows = client.query("SELECT version, checksum FROM schema_migrations FINAL").result_rows
    applied: dict[int, str] = {int(version): str(checksum) for version, checksum in rows}
    for migration in known():
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise SchemaMismatch(
                f"migration {migration.version:04d}_{migration.name} was changed after it was applied; "
                "put the file back and add a new migration instead"
            )
    return [migration for migration in known() if migration.version not in applied]
