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
from sinks.cluster_schema import ClusterSchema
from storage import live_schema
from storage.cluster_move import CREATE_MOVES, unfinished
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.topology import spread

_CREATE_LOG: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree(applied_at) ORDER BY version
"""

_NODES: Final = "SELECT count() AS nodes FROM system.clusters WHERE cluster = {cluster:String}"


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


def migrate(address: ClickHouseAddress, *, replicated: bool = True) -> list[Migration]:
    """Create the database if necessary and apply the missing migrations; return them.

    Parameters
    ----------
    replicated
        Whether the shards of the address's cluster have replicas (see ``ClusterSchema``).

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    SchemaMismatch
        An applied migration differs from its file, or the server has no such cluster.
    """
    with connect(address, database="default") as client:
        schema = _cluster_schema(client, address, replicated=replicated)
        if schema is None:
            parameters = {"database": address.database}
            client.command("CREATE DATABASE IF NOT EXISTS {database:Identifier}", parameters=parameters)
        else:
            client.command(schema.database_statement())
    with connect(address) as client:
        statements = statements_of(schema)
        for statement in statements[None]:
            client.command(statement)
        missing = _missing(client)
        for migration in missing:
            for statement in statements[migration.version]:
                client.command(statement)
            client.insert(
                "schema_migrations",
                [(migration.version, migration.name, migration.checksum)],
                column_names=["version", "name", "checksum"],
            )
        if missing:
            live_schema.note(client, datetime.now(UTC))
    return missing


def statements_of(schema: ClusterSchema | None) -> dict[int | None, list[str]]:
    """Return the statements of every migration by its number, and under ``None`` those of the log of migrations.

    Raises
    ------
    SchemaMismatch
        A migration has a statement that no cluster is known to take.
    """
    parts: dict[int | None, list[str]] = {None: [_CREATE_LOG.strip()]}
    parts |= {migration.version: migration.statements for migration in known()}
    return parts if schema is None else {number: schema.statements(part) for number, part in parts.items()}


def _cluster_schema(client: Client, address: ClickHouseAddress, *, replicated: bool) -> ClusterSchema | None:
    if address.topology is None:
        return None
    cluster = address.topology.cluster
    if cluster and not query_rows(client, _NODES, {"cluster": cluster})[0]["nodes"]:
        raise SchemaMismatch(
            f"ClickHouse at {address.url} knows no cluster '{cluster}'; check ROMASHKA_CLICKHOUSE_CLUSTER"
        )
    elsewhere = bool(cluster) and spread(client, cluster)
    return ClusterSchema(address.topology, address.database, spread=elsewhere, replicated=replicated)


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


def create_moves(address: ClickHouseAddress, *, replicated: bool = True) -> None:
    """Create the table in which a move to a cluster is noted; raises as ``migrate`` does."""
    with connect(address) as client:
        schema = _cluster_schema(client, address, replicated=replicated)
        statement = CREATE_MOVES.strip()
        for one in [statement] if schema is None else schema.statements([statement]):
            client.command(one)


def require_current(address: ClickHouseAddress) -> None:
    """Raise ``SchemaMismatch`` unless every migration has been applied and no move to a cluster is half done."""
    if address.topology is not None:
        with connect(address) as client:
            if unfinished(client):
                raise SchemaMismatch(
                    f"database '{address.database}' is not complete: run 'romashka migrate --to-cluster' again until "
                    "it says that the counts agree"
                )
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
