"""Stored dead letters: reading, marking as replayed, deleting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver.client import Client

from models.errors import DecryptionFailed
from models.pages import Listing, Page, cursor, page_of
from storage.payload_cipher import PayloadCipher, place_of
from storage.reading import query_rows

_COLUMNS: Final = (
    "received_at, topic, topic_epoch, partition, offset, stage, reason, detail, message_key, raw, replayed_at"
)
_FIND: Final = """
SELECT {columns} FROM dead_letters FINAL
WHERE ({{topic:String}} = '' OR topic = {{topic:String}})
  AND ({{reason:String}} = '' OR reason = {{reason:String}})
  AND ({{partition:Int32}} < 0 OR partition = {{partition:Int32}})
  AND ({{offset:Int64}} < 0 OR offset = {{offset:Int64}})
  AND ({{replayed:Bool}} OR replayed_at IS NULL)
  AND (received_at, topic, topic_epoch, partition, offset) > (
      {{after:DateTime64(3, 'UTC')}}, {{after_topic:String}}, {{after_epoch:UInt64}}, {{after_partition:Int32}},
      {{after_offset:Int64}}
  )
ORDER BY received_at, topic, topic_epoch, partition, offset
LIMIT {{limit:UInt32}}
"""
_COUNTS: Final = """
SELECT topic, stage, reason, any(detail) AS example, count() AS letters, countIf(replayed_at IS NOT NULL) AS replayed,
       max(received_at) AS latest
FROM dead_letters FINAL GROUP BY topic, stage, reason ORDER BY letters DESC
"""
_MARK: Final = """
INSERT INTO dead_letters ({columns}, revision)
SELECT * EXCEPT (replayed_at, revision), {{now:DateTime64(3, 'UTC')}}, 1 FROM dead_letters FINAL
WHERE topic = {{topic:String}} AND topic_epoch = {{topic_epoch:UInt64}} AND partition = {{partition:Int32}}
  AND offset IN {{offsets:Array(Int64)}}
"""
_EVERY: Final = f"SELECT {_COLUMNS} FROM dead_letters"  # noqa: S608 - our own columns
_DELETE: Final = """
ALTER TABLE dead_letters DELETE
WHERE topic = {topic:String} AND topic_epoch = {topic_epoch:UInt64} AND partition = {partition:Int32}
  AND offset IN {offsets:Array(Int64)}
"""
_TOGETHER: Final = 1_000  # offsets are part of the request's URL, whose length is limited


class Key(NamedTuple):
    """The unique sort key of dead letters."""

    received_at: datetime
    topic: str
    topic_epoch: int
    partition: int
    offset: int


class DeadLetterFilter(NamedTuple):
    """Filter of dead letters; empty text and negative numbers mean any.

    ``after`` is the last one of the previous page.
    """

    topic: str = ""
    reason: str = ""
    partition: int = -1
    offset: int = -1
    replayed: bool = False
    limit: int = 100
    after: Key | None = None


_FIRST: Final = Key(datetime(1970, 1, 1, tzinfo=UTC), "", 0, 0, -1)


class StoredLetter(NamedTuple):
    """A stored dead letter; ``raw`` and ``key`` are decrypted."""

    received_at: datetime
    topic: str
    topic_epoch: int
    partition: int
    offset: int
    stage: str
    reason: str
    detail: str
    key: bytes
    raw: bytes
    replayed_at: datetime | None

    @property
    def place(self) -> Key:
        """Its sort key."""
        at = self.received_at.replace(tzinfo=self.received_at.tzinfo or UTC)
        return Key(at, self.topic, self.topic_epoch, self.partition, self.offset)


class DeadLetterStore:
    """The dead letters of one database."""

    def __init__(self, client: Client, cipher: PayloadCipher) -> None:
        self._client = client
        self._sealer = cipher

    def counts(self) -> list[dict[str, Any]]:
        """Return the number of dead letters by topic, stage and reason."""
        return query_rows(self._client, _COUNTS, {})

    def find(self, wanted: DeadLetterFilter) -> list[StoredLetter]:
        """Return the matching dead letters, oldest first.

        Raises
        ------
        DecryptionFailed
            They were encrypted with another secret.
        """
        after = wanted.after or _FIRST
        parameters = {
            **wanted._asdict(),
            "after": f"{after.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "after_topic": after.topic,
            "after_epoch": after.topic_epoch,
            "after_partition": after.partition,
            "after_offset": after.offset,
        }
        rows = self._client.query(
            _FIND.format(columns=_COLUMNS),
            parameters=parameters,
            column_formats={"message_key": "bytes", "raw": "bytes"},
            query_tz="UTC",  # or the driver gives the times of a server elsewhere in its time zone
        )
        return [self._opened(row) for row in rows.named_results()]

    def page(self, wanted: DeadLetterFilter) -> Page[StoredLetter]:
        """Return a page of matching dead letters; raises as ``find``."""
        return page_of(
            self.find(wanted._replace(limit=wanted.limit + 1)),
            wanted.limit,
            lambda letter: cursor(Listing.DEAD_LETTERS, *letter.place),
        )

    def mark_replayed(self, letters: Iterable[StoredLetter], now: datetime) -> None:
        """Mark dead letters as replayed, with one insert per partition."""
        offsets: defaultdict[tuple[str, int, int], list[int]] = defaultdict(list)
        for letter in letters:
            offsets[letter.topic, letter.topic_epoch, letter.partition].append(letter.offset)
        for (topic, epoch, partition), all_ in offsets.items():
            for first in range(0, len(all_), _TOGETHER):
                some = all_[first : first + _TOGETHER]
                place = {"topic": topic, "topic_epoch": epoch, "partition": partition, "offsets": some}
                self._client.command(_MARK.format(columns=_COLUMNS), parameters={**place, "now": now})

    def matching(self, tells: Callable[[bytes, bytes], bool]) -> tuple[list[StoredLetter], int]:
        """Return the dead letters whose key and value match a predicate, and the number that cannot be decrypted."""
        found: list[StoredLetter] = []
        closed = 0
        formats: dict[str, str | dict[str, str]] = {"message_key": "bytes", "raw": "bytes"}
        with self._client.query_rows_stream(_EVERY, column_formats=formats) as stream:
            names = _COLUMNS.split(", ")
            for values in stream:
                try:
                    letter = self._opened(dict(zip(names, values, strict=True)))
                except DecryptionFailed:
                    closed += 1
                    continue
                if tells(letter.key, letter.raw):
                    found.append(letter._replace(key=b"", raw=b""))
        return found, closed

    def delete(self, letters: Iterable[StoredLetter]) -> None:
        """Delete dead letters permanently."""
        offsets: defaultdict[tuple[str, int, int], list[int]] = defaultdict(list)
        for letter in letters:
            offsets[letter.topic, letter.topic_epoch, letter.partition].append(letter.offset)
        for (topic, epoch, partition), all_ in offsets.items():
            for first in range(0, len(all_), _TOGETHER):
                place = {"topic": topic, "topic_epoch": epoch, "partition": partition}
                given = {**place, "offsets": all_[first : first + _TOGETHER]}
                self._client.command(_DELETE, parameters=given, settings={"mutations_sync": 2})

    def _opened(self, row: dict[str, Any]) -> StoredLetter:
        place = place_of(row["topic"], row["topic_epoch"], row["partition"], row["offset"])
        key, raw = self._sealer.open(row.pop("message_key"), place), self._sealer.open(row.pop("raw"), place)
        return StoredLetter(**row, key=key, raw=raw)
