"""Fencing of jobs: of two runs of a job only the one that began later may write (docs/adr/0047-fenced-jobs.md).

Each run takes the next token of its job. Every write of the run carries the condition that no later token was taken, in
the same statement: the database decides, whatever the run believes, and however long its process slept in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import RomashkaError, Unreachable
from storage.clickhouse_errors import reason_of
from storage.literals import literal
from storage.reading import query_rows

_TAKE: Final = """
INSERT INTO job_leases (job, token, holder)
SELECT {job:String}, max(token) + 1, {holder:UUID} FROM job_leases WHERE job = {job:String}
"""
# Of two runs that take the same token at the same time the higher holder counts.
_CURRENT: Final = "(SELECT argMax(holder, (token, holder)) FROM job_leases WHERE job = '{job}') = toUUID('{holder}')"
_COLUMNS: Final = """
SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
"""
# These matter where tables are replicated: whoever takes a lease must be seen by the writes of the others.
_SETTINGS: Final[dict[str, Any]] = {"select_sequential_consistency": 1}
_TAKE_SETTINGS: Final[dict[str, Any]] = {**_SETTINGS, "insert_quorum_parallel": 0}
_BYTES_AT_ONCE: Final = 8 * 1_048_576
_ROWS_AT_ONCE: Final = 10_000
# The rows are in the statement, each byte at most doubled.
_INSERT_SETTINGS: Final[dict[str, Any]] = {
    **_SETTINGS,
    "max_query_size": 4 * _BYTES_AT_ONCE,
    "max_partitions_per_insert_block": 0,
}


class LeaseLost(RomashkaError):
    """A later run of the same job has begun, here or on another worker; nothing more of this one is stored."""


class Lease(NamedTuple):
    """The right of one run of a job to write."""

    job: str
    holder: UUID

    @property
    def condition(self) -> str:
        """An SQL condition that holds while no later run has begun."""
        return _CURRENT.format(job=self.job, holder=self.holder)

    def check(self, client: Client) -> None:
        """Raise ``LeaseLost`` where a later run has begun."""
        try:
            held = client.query(f"SELECT {self.condition}", settings=_SETTINGS).result_rows[0][0]
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse does not tell the lease of job {self.job}: {reason_of(error)}") from error
        if not held:
            raise LeaseLost(
                f"another run of job {self.job} has begun, on this worker or another; what this one had not stored is "
                "dropped"
            )


_HELD: ContextVar[Lease | None] = ContextVar("lease", default=None)


def held() -> Lease | None:
    """Return the lease of the run that this is part of; ``None``: writes are not fenced."""
    return _HELD.get()


def condition() -> str:
    """Return the condition for a statement that writes; true where writes are not fenced."""
    lease = _HELD.get()
    return "1" if lease is None else lease.condition


@contextmanager
def leased(client: Client, job: str) -> Iterator[Lease]:
    """Context of a run of a job: it takes the next token; at the end it must still have the newest.

    Raises
    ------
    LeaseLost
        A later run began meanwhile.
    Unreachable
        ClickHouse does not answer.
    """
    lease = Lease(job, uuid4())
    try:
        client.command(_TAKE, parameters={"job": job, "holder": str(lease.holder)}, settings=_TAKE_SETTINGS)
    except ClickHouseError as error:
        raise Unreachable(f"ClickHouse does not give a lease of job {job}: {reason_of(error)}") from error
    token = _HELD.set(lease)
    try:
        yield lease
        lease.check(client)
    finally:
        _HELD.reset(token)


def fenced_insert(
    client: Client, lease: Lease, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows while the lease is the newest; the condition is part of each statement.

    Raises
    ------
    LeaseLost
        A later run began; what was inserted before that stays.
    Unreachable
        ClickHouse did not take the rows.
    """
    types = {row["name"]: row["type"] for row in query_rows(client, _COLUMNS, {"table": table})}
    structure = literal(", ".join(f"{name} {types[name]}" for name in columns))
    names = ", ".join(columns)
    for lines in _portions(columns, [types[name] for name in columns], rows):
        sql = (
            f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 - our own names; the rows are a literal
            f"FROM format(JSONEachRow, {structure}, {literal(lines)}) WHERE {lease.condition}"
        )
        try:
            client.command(sql, settings=_INSERT_SETTINGS)
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse did not take rows of {table}: {reason_of(error)}") from error
        lease.check(client)


def _portions(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Yield rows as JSON lines, some at a time."""
    lines: list[str] = []
    size = 0
    for row in rows:
        values = {name: _json(value, type_) for name, type_, value in zip(columns, types, row, strict=True)}
        line = json.dumps(values, ensure_ascii=False)
        if lines and (size + len(line) > _BYTES_AT_ONCE or len(lines) >= _ROWS_AT_ONCE):
            yield "\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield "\n".join(lines)


def _json(value: Any, type_: str) -> Any:
    """Return a value as JSON that ClickHouse reads as the type; a time without a zone is in UTC."""
    if isinstance(value, float | str):  # most values: the other questions need not be asked of them
        return value
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo is not None else value
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3] if "DateTime64" in type_ else f"{moment:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _json(item, type_) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, type_) for item in value]
    # Numbers of numpy are no JSON.
    return float(value) if hasattr(value, "__float__") and not isinstance(value, int) else value
