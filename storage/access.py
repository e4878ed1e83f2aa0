"""Access control in ClickHouse: users, roles, row policies, limits and quotas, as statements for a server.

The embedded engine has no access management, so these statements are not migrations. They depend on the existing
tables: run them after every migration; they are idempotent. A table with ``user_id`` holds rows of tenants and gets row
policies; a role is granted only the columns it may read.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import RomashkaError, Unreachable
from storage.access_rights import (
    API,
    COLLECTOR,
    EMPTIED_BY_THE_WORKER,
    NOT_FOR_THE_WORKER,
    READ_BY_THE_COLLECTOR,
    ROLES,
    WORKER,
    WRITTEN_BY_THE_API,
    WRITTEN_BY_THE_COLLECTOR,
    Role,
    Table,
    api_columns,
    granted,
    written_by_the_worker,
)
from storage.clickhouse_errors import reason_of
from storage.topology import Topology, reading_settings

# System tables that clients read on connect and editors for completion; a server may require a grant.
_ABOUT_THE_SERVER: Final = ("settings", "databases", "tables", "columns", "functions")
# Durations of statements, without their text, for dashboard maintainers.
STATEMENT_TIMES: Final = "SELECT(type, user, event_date, event_time, query_duration_ms) ON system.query_log"
_NEEDS_ACCESS_MANAGEMENT: Final = frozenset({497, 514})


class Limit(NamedTuple):
    """A setting of every reader; with ``most`` it may be changed up to there although the reader is read-only."""

    name: str
    value: int
    most: int | None = None


# Grafana's client sets max_execution_time itself; a reader that could not change it could not ask at all.
LIMITS: Final = (
    Limit("readonly", 1),
    Limit("max_execution_time", 30, 60),
    Limit("max_memory_usage", 4_000_000_000),
    Limit("max_result_rows", 1_000_000),
    Limit("max_result_bytes", 256_000_000),
    Limit("max_concurrent_queries_for_user", 40),
)
SKIPPED_PASSES: Final = ("optimize_and_compare_chain", "optimize_aggregators_of_group_by_keys")
"""Passes over the query tree that readers do without: they took a tenth to a fifth of the time of panels, which is
mostly planning, and made no statement faster (docs/adr/0056-cost-of-a-panel.md). Results are the same."""
_QUOTA: Final = "FOR INTERVAL 1 minute MAX queries = 6000, execution_time = 1200"


class Reader(NamedTuple):
    """A reading user. ``tenants`` empty: every tenant, and rows about all tenants."""

    name: str
    role: Role
    password: str
    tenants: tuple[UUID, ...] = ()


def condition(reader: Reader) -> str:
    """Return the SQL condition of the rows that a reader may see."""
    if not reader.tenants:
        return "1"
    return "user_id IN ({})".format(", ".join(f"'{tenant}'" for tenant in reader.tenants))


def statements(
    database: str,
    tables: Sequence[Table],
    readers: Sequence[Reader],
    *,
    worker_password: str,
    admin: str,
    collector_password: str = "",
    api_password: str = "",
    settings: Mapping[str, str | int] | None = None,
) -> list[str]:
    """Return the statements, in order; running them again changes only the salts of the passwords.

    Parameters
    ----------
    tables
        Every table of the database.
    admin
        The user who runs the statements and the migrations; keeps access to every row.
    collector_password
        Password of the separate collector's user; without it the user is not created.
    api_password
        Password of the API's user; without it the user is not created.
    settings
        Further settings of every reader: with which statements are exact on a cluster, or faster.
    """
    known = [admin, WORKER, *([API] if api_password else []), *(reader.name for reader in readers)]
    return [
        *_limits(settings or {}),
        *_roles(database, tables),
        *_user(WORKER, worker_password),
        f"GRANT {', '.join(_worker_grants(database, tables))} TO {_name(WORKER)} WITH REPLACE OPTION",
        *(_collector(database, collector_password) if collector_password else ()),
        *(_api(database, tables, api_password) if api_password else ()),
        *(statement for reader in readers for statement in _reader(reader)),
        f"ALTER QUOTA romashka_reader KEYED BY user_name {_QUOTA} TO {_names(reader.name for reader in readers)}",
        *(
            statement
            for table in tables
            if table.keeps_tenants_apart
            for statement in _policies(f"{_name(database)}.{_name(table.name)}", readers, known)
        ),
    ]


def apply(
    client: Client,
    readers: Sequence[Reader],
    *,
    worker_password: str,
    collector_password: str = "",
    api_password: str = "",
    topology: Topology | None = None,
) -> list[Table]:
    """Run the statements on the client's database; return the tables whose rows are kept apart by tenant.

    Raises
    ------
    RomashkaError
        The server cannot manage access, or this user may not.
    Unreachable
        A statement failed for another reason.
    """
    tables = _tables(client)
    admin = str(client.query("SELECT currentUser()").result_rows[0][0])
    try:
        for statement in statements(
            str(client.database),
            tables,
            readers,
            worker_password=worker_password,
            admin=admin,
            collector_password=collector_password,
            api_password=api_password,
            settings=reading_settings(topology) | skipped_passes(client),
        ):
            client.command(statement)
    except ClickHouseError as error:
        reason = reason_of(error)
        if getattr(error, "code", None) in _NEEDS_ACCESS_MANAGEMENT:
            raise RomashkaError(
                f"user '{admin}' may not manage users here: {reason}. Use a user with access_management on a "
                "ClickHouse server; the embedded engine has no users"
            ) from error
        raise Unreachable(f"ClickHouse did not take the access rules: {reason}") from error
    return [table for table in tables if table.keeps_tenants_apart]


def skipped_passes(client: Client) -> dict[str, str | int]:
    """Return the settings that skip passes, as far as this server's version knows them."""
    found = client.query(
        "SELECT name FROM system.settings WHERE name IN {names:Array(String)}",
        parameters={"names": list(SKIPPED_PASSES)},
    )
    return {str(name): 0 for (name,) in found.result_rows}


def _tables(client: Client) -> list[Table]:
    found = client.query(
        "SELECT c.table, groupArray(c.name), any(t.engine) = 'View' FROM system.columns AS c "
        "INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table "
        "WHERE c.database = currentDatabase() AND t.engine != 'MaterializedView' AND NOT startsWith(c.table, '.') "
        "GROUP BY c.table ORDER BY c.table"
    )
    return [Table(str(name), tuple(columns), bool(view)) for name, columns, view in found.result_rows]


def _limits(others: Mapping[str, str | int]) -> list[str]:
    limits = [
        f"{limit.name} = {limit.value}"
        + ("" if limit.most is None else f" MIN 1 MAX {limit.most} CHANGEABLE_IN_READONLY")
        for limit in LIMITS
    ]
    settings = ", ".join([*limits, *(f"{name} = {value!r}" for name, value in others.items())])
    return [
        "CREATE SETTINGS PROFILE IF NOT EXISTS romashka_reader",
        f"ALTER SETTINGS PROFILE romashka_reader SETTINGS {settings}",
        f"CREATE QUOTA IF NOT EXISTS romashka_reader KEYED BY user_name {_QUOTA}",
    ]


def _roles(database: str, tables: Sequence[Table]) -> list[str]:
    made = []
    for role in ROLES:
        columns = ", ".join(
            f"SELECT({', '.join(map(_name, seen))}) ON {_name(database)}.{_name(table)}"
            for table, seen in granted(tables, role).items()
        )
        times = f", {STATEMENT_TIMES}" if role == "operations" else ""
        made += [
            f"CREATE ROLE IF NOT EXISTS romashka_{role}",
            # One atomic statement: the role never has fewer or more rights than intended.
            f"GRANT {columns}, {_server_grants()}{times} TO romashka_{role} WITH REPLACE OPTION",
        ]
    return made


def _worker_grants(database: str, tables: Sequence[Table]) -> list[str]:
    return [
        f"SELECT ON {_name(database)}.*",
        *(f"INSERT ON {_name(database)}.{_name(t.name)}" for t in tables if written_by_the_worker(t)),
        *(f"ALTER DELETE ON {_name(database)}.{_name(t.name)}" for t in tables if t.public in EMPTIED_BY_THE_WORKER),
        # For repeated erasures and for re-keying of pseudonyms.
        *(
            f"ALTER UPDATE, ALTER DELETE ON {_name(database)}.{_name(t.name)}"
            for t in tables
            if t.keeps_tenants_apart and t.public not in (NOT_FOR_THE_WORKER | EMPTIED_BY_THE_WORKER)
        ),
        *(f"TRUNCATE ON {_name(database)}.{_name(t.name)}" for t in tables if t.name == "pseudonym_mapping"),
        # For the table function of fenced inserts (storage/leases.py); those that reach other servers have rights of
        # their own.
        "CREATE TEMPORARY TABLE ON *.*",
        _server_grants(),
        # To change the rows of every shard.
        *(("CLUSTER ON *.*", "SELECT ON system.clusters") if any(t.public != t.name for t in tables) else ()),
    ]


def _api(database: str, tables: Sequence[Table], password: str) -> list[str]:
    grants = ", ".join(_api_grants(database, tables))
    return [*_user(API, password), f"GRANT {grants} TO {_name(API)} WITH REPLACE OPTION"]


def _api_grants(database: str, tables: Sequence[Table]) -> list[str]:
    return [
        *(
            f"SELECT({', '.join(map(_name, columns))}) ON {_name(database)}.{_name(table)}"
            for table, columns in api_columns(tables).items()
        ),
        *(f"INSERT ON {_name(database)}.{_name(t.name)}" for t in tables if t.public in WRITTEN_BY_THE_API),
        _server_grants(),
        # To cancel statements of disconnected clients: a user may kill its own.
        "SELECT ON system.processes",
    ]


def _collector(database: str, password: str) -> list[str]:
    rights = [f"SELECT ON {_name(database)}.{_name(table)}" for table in READ_BY_THE_COLLECTOR]
    rights += [f"INSERT ON {_name(database)}.{_name(WRITTEN_BY_THE_COLLECTOR)}", _server_grants()]
    return [*_user(COLLECTOR, password), f"GRANT {', '.join(rights)} TO {_name(COLLECTOR)} WITH REPLACE OPTION"]


def _server_grants() -> str:
    return ", ".join(f"SELECT ON system.{table}" for table in _ABOUT_THE_SERVER)


def _user(name: str, password: str) -> list[str]:
    identified = _identified(password)
    return [
        f"CREATE USER IF NOT EXISTS {_name(name)} {identified}",
        f"ALTER USER {_name(name)} {identified}",
    ]


def _reader(reader: Reader) -> list[str]:
    return [
        *_user(reader.name, reader.password),
        # On the user, not on the role: a role can be dropped with SET ROLE NONE.
        f"ALTER USER {_name(reader.name)} SETTINGS PROFILE 'romashka_reader'",
        f"GRANT romashka_{reader.role} TO {_name(reader.name)} WITH REPLACE OPTION",
    ]


def _policies(table: str, readers: Sequence[Reader], known: Collection[str]) -> list[str]:
    """Return a table's policies: permissive ones are combined with OR, so tenant isolation is restrictive."""
    policy = "CREATE ROW POLICY OR REPLACE {} ON {} AS {} FOR SELECT USING {} TO {}"
    return [
        policy.format("romashka_known", table, "PERMISSIVE", "1", _names(known)),
        policy.format("romashka_strangers", table, "RESTRICTIVE", "0", f"ALL EXCEPT {_names(known)}"),
        *(
            policy.format(
                _name(f"tenants_of_{reader.name}"), table, "RESTRICTIVE", condition(reader), _name(reader.name)
            )
            for reader in readers
            if reader.tenants
        ),
    ]


def _identified(password: str) -> str:
    """Return the authentication clause of a user; it has a hash, so the password is neither sent nor logged."""
    salt = secrets.token_hex(16)
    return f"IDENTIFIED WITH sha256_hash BY '{hashlib.sha256((password + salt).encode()).hexdigest()}' SALT '{salt}'"


def _name(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _names(texts: Iterable[str]) -> str:
    return ", ".join(map(_name, texts))
