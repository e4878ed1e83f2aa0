"""What the routes work with: made when the app starts, reached from every request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.requests import HTTPConnection

from api.api_key_cache import ApiKeyCache
from api.audit_writer import AuditWriter
from api.broadcaster import Broadcaster
from api.cache import Cache, MemoryStore, RedisStore
from api.keys import KeySigner, stored_keys
from api.pool import Pool
from api.rate_limit import Limiter, MemoryLimiter, Rate, RedisLimiter
from api.tokens import Provider, Tokens
from models.errors import SettingsError
from reports.schedule_limits import DEFAULT_LIMITS, ScheduleLimits
from storage.audit_heads import HeadsFile
from storage.connection import ClickHouseAddress

_HEAVY_AT_ONCE: Final = 3
_HEAVY_SHARE: Final = 1
_HEAVY_SECONDS: Final = 300


@dataclass(frozen=True)
class Configuration:
    """What an operator decides.

    Parameters
    ----------
    secret
        From which the key of the audit log is derived.
    provider
        Whose bearer tokens are taken; API keys alone where ``None``.
    reports
        The folder that reports made by the API are kept in.
    heavy_per_minute
        How often one identity may have a report or an export made.
    schedule_limits
        How many schedules there may be, how often one may fire, and whom it may send to.
    audit_heads
        The file that ends of the audit log's chains are noted in; the log alone has them where ``None``.
    """

    clickhouse: ClickHouseAddress
    secret: bytes
    reports: Path
    provider: Provider | None = None
    redis_url: str = ""
    requests_per_minute: int = 600
    heavy_per_minute: int = 6
    cors_origins: tuple[str, ...] = ()
    connections: int = 8
    audit_heads: Path | None = None
    schedule_limits: ScheduleLimits = DEFAULT_LIMITS
    clock: Callable[[], float] = field(default=time.time)


class Services:
    """Everything that outlives a request."""

    def __init__(self, configuration: Configuration) -> None:
        clock = configuration.clock
        self.configuration = configuration
        self.pool = Pool(configuration.clickhouse, configuration.connections)
        # Reports and exports take long: they never keep questions from being answered.
        self.heavy_pool = Pool(configuration.clickhouse, _HEAVY_AT_ONCE, _HEAVY_SECONDS, _HEAVY_SHARE)
        self.redis = redis_client(configuration.redis_url) if configuration.redis_url else None
        in_process = MemoryLimiter(time.monotonic)
        self.limiter: Limiter = in_process if self.redis is None else RedisLimiter(self.redis, in_process)
        self.cache = Cache(MemoryStore(clock) if self.redis is None else RedisStore(self.redis), clock)
        signer = KeySigner(configuration.secret)
        self.ring = ApiKeyCache(lambda: self.pool.run(lambda client: stored_keys(client, signer)), clock)
        self.tokens = None if configuration.provider is None else Tokens(configuration.provider, clock)
        self.trail = AuditWriter(self.pool, self.ring, configuration.secret, HeadsFile(configuration.audit_heads))
        self.hub = Broadcaster(self.pool)

    @property
    def reading(self) -> Rate:
        """How often one identity may ask."""
        return Rate(self.configuration.requests_per_minute, max(1, self.configuration.requests_per_minute // 5))

    @property
    def strangers(self) -> Rate:
        """How often one address may come with a wrong token: against guessing, and for the size of the audit log."""
        return Rate(self.configuration.requests_per_minute / 10, max(1, self.configuration.requests_per_minute // 20))

    @property
    def heavy(self) -> Rate:
        """How often one identity may have something made that takes long."""
        return Rate(self.configuration.heavy_per_minute, max(1, self.configuration.heavy_per_minute // 2))

    async def close(self) -> None:
        """Let go of every connection."""
        if self.tokens is not None:
            await self.tokens.close()
        if self.redis is not None:
            await self.redis.aclose()
        self.heavy_pool.close()
        self.pool.close()


def redis_client(url: str) -> Redis:
    """Return a client; nothing is connected yet.

    Raises
    ------
    SettingsError
        The URL cannot be used. Never holds it: it may have a password in it.
    """
    try:
        return Redis.from_url(
            url,
            socket_timeout=1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),  # its default keeps every request waiting for seconds while Redis is away
        )
    except (ValueError, TypeError) as error:
        raise SettingsError("ROMASHKA_REDIS_URL is not usable; expected something like redis://host:6379/0") from error


def services_of(connection: HTTPConnection) -> Services:
    """Return the services of the app that a request came to."""
    return cast("Services", connection.app.state.services)
