"""Cache of the sign-in service's public keys, refreshed in the background.

A known key is returned at once. An unknown one starts a fetch, at most one at a time and one a second; the request
waits for it, up to three seconds. After a failed fetch there is none for five seconds, and unknown keys get 503 at
once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from api.problems import ApiError
from models.errors import SettingsError, Unreachable

log = logging.getLogger(__name__)
_FRESH_SECONDS: Final = 300.0
# Maximum age of the cache while the service is unavailable.
_KEPT_SECONDS: Final = 3600.0
_FETCH_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.5
_PAUSE_AFTER_FAILURE: Final = 5.0
_MAX_BYTES: Final = 1_000_000


class SigningKeys:
    """Caches keys by their id (``kid``).

    Parameters
    ----------
    fetch
        Returns the service's keys, or raises ``Unreachable``; may be slow.
    clock
        Seconds of a monotonic clock.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Mapping[str, PyJWK]]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._not_before = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def get(self, kid: str, admit: Callable[[], Awaitable[None]]) -> PyJWK | None:
        """Return a key, ``None`` where the service has none of that id.

        Parameters
        ----------
        admit
            Awaited before a fetch for an unknown key; may refuse.

        Raises
        ------
        ApiError
            The service does not answer, or ``admit`` refused.
        """
        age = self._clock() - self._fetched_at
        if age > _FRESH_SECONDS and self._clock() >= self._not_before:
            self._begin()
        if age < _KEPT_SECONDS and (known := self._keys.get(kid)) is not None:
            return known
        await admit()
        deadline = asyncio.get_running_loop().time() + _FETCH_SECONDS
        # A fetch in progress may have started before the key was published: wait for the next one too.
        for _ in range(2):
            await self._fetched(deadline)
            if self._clock() - self._fetched_at < _KEPT_SECONDS and (known := self._keys.get(kid)) is not None:
                return known
        return None

    async def close(self) -> None:
        """Cancel a fetch in progress."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _fetched(self, deadline: float) -> None:
        """Wait for the next completed fetch."""
        if self._failed and self._clock() < self._not_before:
            raise _away()
        try:
            async with asyncio.timeout_at(deadline):
                while (task := self._fetching) is None or task.done():
                    if (pause := self._not_before - self._clock()) <= 0:
                        self._begin()
                    else:
                        await asyncio.sleep(min(pause, 0.05))
                await asyncio.shield(task)
        except TimeoutError:
            raise _away() from None
        if self._failed:
            raise _away()

    def _begin(self) -> None:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self._keys = await self._fetch()
        except (Unreachable, TimeoutError) as error:
            self._failed = True
            self._not_before = self._clock() + _PAUSE_AFTER_FAILURE
            log.warning("the sign-in service's keys cannot be fetched: %s", str(error) or "it takes too long")
        else:
            self._failed = False
            self._fetched_at = self._clock()
            self._not_before = self._clock() + _PAUSE_SECONDS


def check_url(url: str) -> None:
    """Raise ``SettingsError`` for an address that keys must not be fetched from."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    is_here = parts.scheme == "http" and host in {"127.0.0.1", "localhost", "::1"}
    if not host or (parts.scheme != "https" and not is_here):
        raise SettingsError(f"ROMASHKA_OIDC_JWKS_URL is '{url}'; expected https://, or http:// on this machine")


async def fetched(url: str) -> Mapping[str, PyJWK]:
    """Return the usable keys that a service publishes.

    Raises
    ------
    Unreachable
        It does not answer, or the response is not a key set.
    """
    limit = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url, allow_redirects=False) as answer:
            body = await answer.content.read(_MAX_BYTES)
            while len(body) < _MAX_BYTES and (more := await answer.content.read(_MAX_BYTES - len(body))):
                body += more
            if answer.status != 200:
                raise Unreachable(f"{url} answers {answer.status}")
        return _usable(json.loads(body))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unreachable(f"{url} does not answer ({type(error).__name__})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable(f"{url} answers something else than a set of keys") from error


def _usable(document: Any) -> dict[str, PyJWK]:
    keys = {}
    for one in document["keys"]:
        kid = one.get("kid")
        if isinstance(kid, str) and one.get("use", "sig") == "sig":
            try:
                keys[kid] = PyJWK(one)
            except PyJWTError:  # of a type that is not accepted for signatures
                log.info("the sign-in service's key %s cannot be used", kid[:100])
    return keys


def _away() -> ApiError:
    detail = "the sign-in service does not answer, so the token cannot be checked; try again shortly"
    return ApiError(503, "unavailable", detail, headers={"Retry-After": "5"})
