"""Shared services of the routes: created at startup, available to every request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from api.api_key_cache import ApiKeyCache
from api.audit_writer import AuditWriter
from api.broadcaster import Broadcaster
from api.cache import Cache, MemoryStore, RedisStore
from api.keys import KeySigner, stored_keys
from api.pool import Pool
from api.rate_limit import Limiter, MemoryLimiter, RedisLimiter, RequestRate
from api.tokens import Provider, Tokens
from models.errors import SettingsError
from reports.schedule_limits import DEFAULT_LIMITS, ScheduleLimits
from storage.audit_heads import HeadsFile
from storage.connection import ClickHouseAddress
from storage.insight_links import LinkSigner
from storage.spans import Spans

_HEAVY_AT_ONCE: Final = 3
_HEAVY_SHARE: Final = 1
_HEAVY_SECONDS: Final = 300


@dataclass(frozen=True)
class Configuration:
    """Configuration of the API.

    Parameters
    ----------
    secret
        The secret that the keys of the audit log, of API keys and of links are derived from.
    provider
        The OpenID Connect provider; ``None``: API keys only.
    reports
        The folder of reports made by the API.
    heavy_per_minute
        Rate limit of reports and exports per identity.
    schedule_limits
        Limits of schedules: number, frequency and recipients.
    audit_heads
        The file for heads of the audit log's chains; ``None``: they are only logged.
    spans
        Makes spans of requests; ``None``: no traces.
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
    spans: Spans | None = None


class Services:
    """The services of the application."""

    def __init__(self, configuration: Configuration) -> None:
        clock = configuration.clock
        self.configuration = configuration
        self.pool = Pool(configuration.clickhouse, configuration.connections, spans=configuration.spans)
        # A separate pool for reports and exports, so that they do not delay queries.
        self.heavy_pool = Pool(
            configuration.clickhouse, _HEAVY_AT_ONCE, _HEAVY_SECONDS, _HEAVY_SHARE, configuration.spans
        )
        self.redis = redis_client(configuration.redis_url) if configuration.redis_url else None
        in_process = MemoryLimiter(time.monotonic)
        self.limiter: Limiter = in_process if self.redis is None else RedisLimiter(self.redis, in_process)
        self.cache = Cache(
            MemoryStore(clock) if self.redis is None else RedisStore(self.redis, configuration.secret), clock
        )
        signer = KeySigner(configuration.secret)
        self.links = LinkSigner(configuration.secret)
        self.ring = ApiKeyCache(lambda: self.pool.run(lambda client: stored_keys(client, signer)), clock)
        self.tokens = None if configuration.provider is None else Tokens(configuration.provider, clock)
        self.trail = AuditWriter(self.pool, self.ring, configuration.secret, HeadsFile(configuration.audit_heads))
        self.hub = Broadcaster(self.pool)

    @property
    def reading(self) -> RequestRate:
        """Rate limit per identity."""
        return RequestRate(self.configuration.requests_per_minute, max(1, self.configuration.requests_per_minute // 5))

    @property
    def unauthenticated(self) -> RequestRate:
        """Rate limit of invalid tokens per address: against guessing, and to bound the audit log."""
        return RequestRate(
            self.configuration.requests_per_minute / 10, max(1, self.configuration.requests_per_minute // 20)
        )

    @property
    def heavy(self) -> RequestRate:
        """Rate limit of expensive requests per identity."""
        return RequestRate(self.configuration.heavy_per_minute, max(1, self.configuration.heavy_per_minute // 2))

    async def close(self) -> None:
        """Close every connection."""
        if self.tokens is not None:
            await self.tokens.close()
        if self.redis is not None:
            await self.redis.aclose()
        self.heavy_pool.close()
        self.pool.close()


def redis_client(url: str) -> Redis:
    """Return a client that is not connected yet.

    Raises
    ------
    SettingsError
        The URL cannot be used. Never holds it: it may have a password in it.
    """
    unusable = SettingsError("ROMASHKA_REDIS_URL is not usable; expected something like redis://host:6379/0")
    if "://" not in url:  # redis:6379 would be database 6379 on this machine
        raise unusable
    try:
        client = Redis.from_url(
            url,
            socket_timeout=1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),  # its default makes every request wait for seconds while Redis is unavailable
        )
        pool: Any = client.connection_pool
        pool.make_connection()  # of parameters it takes any, and fails at the first use
    except (ValueError, TypeError, RedisError):
        raise unusable from None
    return client


def services_of(connection: HTTPConnection) -> Services:
    """Return the services of the request's app."""
    return cast("Services", connection.app.state.services)
