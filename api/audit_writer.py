"""Writes the API's audit log: entries are queued at once and written in order every second."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from clickhouse_connect.driver.client import Client

from api.api_key_cache import ApiKeyCache
from api.keys import note_uses
from api.pool import Pool
from api.problems import ApiError
from models.errors import SettingsError, Unreachable
from storage.audit import AuditEntry, Chain, Head, open_chain, unnamed_heads
from storage.audit_heads import HeadsFile

log = logging.getLogger(__name__)
_EVERY_SECONDS: Final = 1.0
_USES_EVERY: Final = 60
_MAX_WAITING: Final = 20_000


class AuditWriter:
    """Writes one chain of the audit log, and the last uses of keys."""

    def __init__(self, pool: Pool, ring: ApiKeyCache, secret: bytes, published: HeadsFile) -> None:
        self._pool = pool
        self._ring = ring
        self._secret = secret
        self._published = published
        self._chain: Chain | None = None
        self._last_published: Head | None = None
        self._writing = asyncio.Lock()

    def note(self, entry: AuditEntry) -> None:
        """Add an entry; it is written within about a second."""
        self._opened().add(entry)

    def require_room(self) -> None:
        """Raise ``ApiError`` while too many entries are pending: nothing may be done without an audit entry."""
        if len(self._opened()) > _MAX_WAITING:
            detail = "the audit log cannot be written; nothing is answered until it can"
            raise ApiError(503, "unavailable", detail, headers={"Retry-After": "5"})

    async def flush(self) -> None:
        """Write pending entries; raises ``Unreachable``."""
        async with self._writing:
            await self._pool.run(self._opened().flush)

    async def open(self) -> None:
        """Open the chain; raises ``Unreachable``."""
        now = datetime.now(UTC)
        self._chain = await self._pool.run(lambda client: open_chain(client, self._secret, now))
        await self.flush()
        self._publish()

    async def run(self) -> None:
        """Write until cancelled; failed writes are retried."""
        ticks = 0
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            ticks += 1
            try:
                await self.flush()
                if ticks % _USES_EVERY == 0:
                    await self._write_uses()
                    await self._name_others()
                    self._publish()
            except (Unreachable, ApiError, SettingsError) as error:
                log.warning("the audit log cannot be written: %s", error)

    async def close(self) -> None:
        """Write the remaining entries; raises ``Unreachable``."""
        await self.flush()
        await self._write_uses()
        self._publish()

    async def _name_others(self) -> None:
        heads = await self._pool.run(unnamed_heads)
        self._opened().name(heads, datetime.now(UTC))
        await self.flush()

    def _publish(self) -> None:
        """Publish the head of the chain outside the database, if it changed; raises ``SettingsError``."""
        head = self._opened().head
        if head != self._last_published:
            self._published.publish(head, datetime.now(UTC))
            self._last_published = head

    async def _write_uses(self) -> None:
        if uses := self._ring.take_uses():

            def write(client: Client) -> None:
                note_uses(client, uses)

            await self._pool.run(write)

    def _opened(self) -> Chain:
        if self._chain is None:
            raise RuntimeError("the audit log was not opened: the app's lifespan did not run")
        return self._chain
