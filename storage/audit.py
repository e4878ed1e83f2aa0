"""The audit log: actor, action, object and outcome, in hash chains that reveal later changes.

Each process that writes has a chain of its own, named by a random id in every row's ``details``, so several processes
never wait for each other and cannot fork a chain. In a chain the rows are numbered from 1, and each row's hash is an
HMAC of its content and of the hash before it. The first row of a chain (``audit.open``) references the heads of all
existing chains that no other chain references, so a truncation of an older chain is detected once a newer one exists. A
long-running process references new heads regularly (``audit.heads``), so that the short chain of a command is covered
within a minute. The heads are also published outside the database (``storage.audit_heads``), because a user who may
empty the table can remove all of it. The HMAC key is derived from the program's secret, so write access to the database
is not enough to forge hashes.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import uuid4

from clickhouse_connect.driver.client import Client
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.counting import counted
from models.pages import Listing, Page, cursor, page_of
from storage.reading import query_rows
from storage.writing import insert_rows

OPENED: Final = "audit.open"
HEADS: Final = "audit.heads"
NO_HASH: Final = "0" * 64
_COLUMNS: Final = (
    "sequence",
    "happened_at",
    "actor",
    "action",
    "object",
    "outcome",
    "details",
    "previous_hash",
    "hash",
)
_WRITER: Final = "JSONExtractString(details, 'writer')"
_ALL: Final = f"SELECT {', '.join(_COLUMNS)} FROM audit_log ORDER BY {_WRITER}, sequence, hash"  # noqa: S608 - our own
# Heads that no later chain references yet: an ended chain is referenced once, not by every later chain.
_HEADS: Final = f"""
SELECT writer, sequence, hash
FROM (
    SELECT {_WRITER} AS writer, max(a.sequence) AS sequence, argMax(a.hash, a.sequence) AS hash
    FROM audit_log AS a GROUP BY writer
)
WHERE (writer, sequence) NOT IN (
    SELECT head.1, head.2
    FROM audit_log
    ARRAY JOIN JSONExtract(details, 'heads', 'Array(Tuple(String, UInt64, String))') AS head
    WHERE action IN ('{OPENED}', '{HEADS}')
)
ORDER BY writer
"""  # noqa: S608
_LIST: Final = f"""
SELECT {", ".join(_COLUMNS)} FROM audit_log
WHERE happened_at >= {{since:DateTime64(3, 'UTC')}} AND ({{actor:String}} = '' OR startsWith(actor, {{actor:String}}))
  AND (happened_at, sequence, toString(hash)) < ({{before:DateTime64(3, 'UTC')}}, {{sequence:UInt64}}, {{hash:String}})
ORDER BY happened_at DESC, sequence DESC, toString(hash) DESC LIMIT {{limit:UInt32}}
"""  # noqa: S608


NEWEST: Final = (datetime(2261, 1, 1, tzinfo=UTC), 0, "")


class AuditEntry(NamedTuple):
    """One entry of the log. ``details`` are plain JSON values without secrets and personal data."""

    happened_at: datetime
    actor: str
    action: str
    object: str
    outcome: str
    details: dict[str, Any]


class AuditRow(NamedTuple):
    """A row of ``audit_log``."""

    sequence: int
    happened_at: datetime
    actor: str
    action: str
    object: str
    outcome: str
    details: str
    previous_hash: str
    hash: str


class Head(NamedTuple):
    """The last row of a chain."""

    writer: str
    sequence: int
    hash: str


class Fault(NamedTuple):
    """A place where the log was changed."""

    writer: str
    sequence: int
    what: str


def audit_key(secret: bytes) -> bytes:
    """Return the HMAC key, derived from the program's secret for this purpose only."""
    return HKDF(SHA256(), 32, salt=None, info=b"romashka audit log").derive(secret)


def hash_of(key: bytes, row: AuditRow) -> str:
    """Return the expected hash of a row from its other columns."""
    moment = row.happened_at.replace(tzinfo=row.happened_at.tzinfo or UTC).astimezone(UTC)
    content = [row.previous_hash, row.sequence, moment.isoformat(timespec="milliseconds"), *row[2:7]]
    return hmac.new(key, json.dumps(content).encode(), sha256).hexdigest()


class Chain:
    """The chain of one writer: numbers and hashes entries. Thread-safe."""

    def __init__(self, key: bytes, heads: Iterable[Head], now: datetime, writer: str = "") -> None:
        self._key = key
        self._writer = writer or uuid4().hex
        self._sequence = 0
        self._hash = NO_HASH
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._pending: list[AuditRow] = []
        self._written = Head(self._writer, 0, NO_HASH)
        anchors = [list(head) for head in heads]
        self.add(AuditEntry(now, "system", OPENED, self._writer, "ok", {"heads": anchors}))

    def add(self, entry: AuditEntry) -> None:
        """Append an entry; it is durable once ``flush`` has returned."""
        details = json.dumps({**entry.details, "writer": self._writer}, sort_keys=True)
        with self._lock:
            row = AuditRow(
                self._sequence + 1,
                entry.happened_at.replace(microsecond=entry.happened_at.microsecond // 1000 * 1000),
                entry.actor,
                entry.action,
                entry.object,
                entry.outcome,
                details,
                self._hash,
                "",
            )
            row = row._replace(hash=hash_of(self._key, row))
            self._sequence, self._hash = row.sequence, row.hash
            self._pending.append(row)

    def name(self, heads: Iterable[Head], now: datetime) -> None:
        """Append a reference to the heads of other chains, if there are any."""
        if others := [list(head) for head in heads if head.writer != self._writer]:
            self.add(AuditEntry(now, "system", HEADS, self._writer, "ok", {"heads": others}))

    @property
    def head(self) -> Head:
        """The last row that is durable."""
        return self._written

    def __len__(self) -> int:
        """Return how many entries wait for ``flush``."""
        return len(self._pending)

    def flush(self, client: Client) -> None:
        """Write pending entries in one insert; after a failure they stay pending and the same rows are sent again.

        Raises
        ------
        Unreachable
            ClickHouse did not take the rows.
        """
        with self._flushing:  # concurrent flushes would both remove the written rows
            with self._lock:
                rows = list(self._pending)
            insert_rows(client, "audit_log", _COLUMNS, rows)
            with self._lock:
                del self._pending[: len(rows)]
                if rows:
                    self._written = Head(self._writer, rows[-1].sequence, rows[-1].hash)


def open_chain(client: Client, secret: bytes, now: datetime) -> Chain:
    """Begin a chain that references the existing ones; raises ``Unreachable``."""
    return Chain(audit_key(secret), unnamed_heads(client), now)


def unnamed_heads(client: Client) -> list[Head]:
    """Return the heads that no row references yet; raises ``Unreachable``."""
    return [Head(row["writer"], row["sequence"], _text(row["hash"])) for row in query_rows(client, _HEADS, {})]


@dataclass
class AuditVerification:
    """The result of a verification. ``heads`` are the ends of the chains, for comparison with a later verification."""

    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)


def verify(rows: Iterable[AuditRow], key: bytes, published: Iterable[Head] = ()) -> AuditVerification:
    """Return every place where rows were changed, removed, added or moved.

    ``rows`` are ordered by writer and sequence. Identical rows count as one: an insert whose response was lost is
    repeated. ``published`` are heads recorded outside the database; each must still exist.
    """
    verdict = AuditVerification()
    anchors: list[tuple[AuditRow, Head]] = []
    hashes: set[tuple[str, int, str]] = set()
    before: AuditRow | None = None
    writer = ""
    for row in rows:
        details = _details(row)
        mine = str(details.get("writer", ""))
        if before is not None and mine == writer and row == before:
            continue
        if before is None or mine != writer:
            before = None
        verdict.rows += 1
        verdict.faults += [Fault(mine, row.sequence, what) for what in _wrong(row, before, key)]
        if row.action in {OPENED, HEADS}:
            anchors += [(row, Head(*head)) for head in details.get("heads", [])]
        hashes.add((mine, row.sequence, row.hash))
        verdict.heads[mine] = Head(mine, row.sequence, row.hash)
        before, writer = row, mine
    for _, head in anchors:
        if tuple(head) not in hashes:
            what = "this row was there when a later chain began, and is gone or not the same any more"
            verdict.faults.append(Fault(head.writer, head.sequence, what))
    for head in published:
        if tuple(head) not in hashes:
            what = "this row was published outside the database, and is gone or not the same any more"
            verdict.faults.append(Fault(head.writer, head.sequence, what))
    return verdict


def _wrong(row: AuditRow, before: AuditRow | None, key: bytes) -> Iterator[str]:
    expected = 1 if before is None else before.sequence + 1
    if row.sequence > expected:
        missing = row.sequence - expected
        yield f"missing before this one: {counted(missing, 'row')}"
    elif row.sequence < expected:
        yield "there is another row with this number"
    elif row.previous_hash != (NO_HASH if before is None else before.hash):
        yield "the row before this one is not the one that it was written after"
    if not hmac.compare_digest(hash_of(key, row), row.hash):
        yield "what it says was changed, or it was not written with this secret"


def stored_rows(client: Client) -> Iterator[AuditRow]:
    """Yield the whole log by chain, streamed: it may be larger than memory; raises ``Unreachable``."""
    with client.query_rows_stream(_ALL, tz_mode="aware") as stream:
        for values in stream:
            yield _row(values)


def newest(
    client: Client, since: datetime, actor: str = "", limit: int = 100, before: tuple[datetime, int, str] = NEWEST
) -> Page[AuditRow]:
    """Return the newest rows, the newest first, and the cursor of the next page; raises ``Unreachable``.

    ``before`` is the last row of the page before: when it happened, its number and its hash.
    """
    at, sequence, hash_ = before
    wanted = {
        "since": since,
        "actor": actor,
        "limit": limit + 1,
        "before": f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3],
        "sequence": sequence,
        "hash": hash_,
    }
    rows = [_row(list(row.values())) for row in query_rows(client, _LIST, wanted, aware=True)]
    return page_of(rows, limit, lambda row: cursor(Listing.AUDIT, row.happened_at, row.sequence, row.hash))


def _row(values: Sequence[Any]) -> AuditRow:
    sequence, moment, actor, action, object_, outcome, details, previous, own = values
    return AuditRow(sequence, moment, actor, action, object_, outcome, details, _text(previous), _text(own))


def _text(cell: bytes | str) -> str:
    return cell.decode() if isinstance(cell, bytes) else cell


def _details(row: AuditRow) -> dict[str, Any]:
    try:
        found = json.loads(row.details)
    except ValueError:
        return {}  # its hash shows the change
    return found if isinstance(found, dict) else {}
