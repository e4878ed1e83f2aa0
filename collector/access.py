"""API keys of the role ``producer``, with their tenants and topics."""

from __future__ import annotations

import hmac
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from clickhouse_connect.driver.client import Client
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.identity import Identity
from api.keys import KeySigner, StoredKey, new_key, save
from api.problems import ApiError
from api.roles import Action, Role
from collector.body import TOPICS
from models.errors import SettingsError, Unreachable
from models.insights import ALL_TENANTS_ID
from storage.reading import query_rows
from storage.writing import insert_rows

log = logging.getLogger(__name__)
_FRESH_SECONDS: Final = 5.0
# While ClickHouse is unavailable, recently checked keys are accepted, so that events still reach Kafka.
REMEMBERED_SECONDS: Final = 600.0
_MAX_REMEMBERED: Final = 10_000


@dataclass(frozen=True)
class ProducerScope:
    """Further tenants and the topics of a key."""

    all_tenants: bool
    tenants: frozenset[UUID]
    topics: frozenset[str]


# Topic of a row with an invalid MAC: it matches no topic.
_UNSIGNED: Final = ProducerScope(False, frozenset(), frozenset({""}))


@dataclass(frozen=True)
class Producer:
    """A producer. ``tenants`` is ``None`` for all of them; empty ``topics`` means every topic."""

    name: str
    tenants: frozenset[UUID] | None
    topics: frozenset[str]

    def may_send_for(self, tenant: UUID) -> bool:
        """Whether it may send events of this tenant."""
        return self.tenants is None or tenant in self.tenants

    def may_send_to(self, topic: str) -> bool:
        """Whether it may send to this topic."""
        return not self.topics or topic in self.topics


class Access:
    """Authenticates producers by their tokens.

    Parameters
    ----------
    authenticate
        Returns the identity of a token or key; the API's own check.
    read_scopes
        Returns the scopes by key id.
    clock
        Seconds, of any origin.
    """

    def __init__(
        self,
        authenticate: Callable[[str], Awaitable[Identity]],
        read_scopes: Callable[[], Awaitable[Mapping[str, ProducerScope]]],
        clock: Callable[[], float],
    ) -> None:
        self._authenticate = authenticate
        self._read_scopes = read_scopes
        self._clock = clock
        self._scopes: Mapping[str, ProducerScope] = {}
        self._read_at = float("-inf")
        self._remembered: OrderedDict[bytes, tuple[float, Producer]] = OrderedDict()

    async def producer(self, token: str) -> Producer:
        """Return the producer.

        Raises
        ------
        ApiError
            401 for a wrong key, 403 for another role.
        Unreachable
            The keys cannot be read, and this one was not seen in the last ten minutes.
        """
        digest = sha256(token.encode()).digest()
        try:
            identity = await self._authenticate(token)
            identity.require(Action.SEND_EVENTS)
            await self._refresh()
        except Unreachable as error:
            return self._recall(digest, error)
        except ApiError as refused:
            if refused.status < 500:
                self._remembered.pop(digest, None)
                raise
            return self._recall(digest, refused)
        producer = self._scoped(identity)
        self._remembered[digest] = (self._clock(), producer)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return producer

    def _scoped(self, identity: Identity) -> Producer:
        scope = self._scopes.get(identity.name.removeprefix("key:"))
        if scope is None:
            return Producer(identity.name, identity.tenants, frozenset())
        tenants = None if scope.all_tenants else identity.tenants | scope.tenants
        return Producer(identity.name, tenants, scope.topics)

    def _recall(self, digest: bytes, error: Exception) -> Producer:
        found = self._remembered.get(digest)
        if found is None or self._clock() - found[0] > REMEMBERED_SECONDS:
            raise error
        log.warning("the keys cannot be read; %s was checked less than ten minutes ago and is let in", found[1].name)
        return found[1]

    async def _refresh(self) -> None:
        if self._clock() - self._read_at >= _FRESH_SECONDS:
            self._scopes = await self._read_scopes()
            self._read_at = self._clock()


class ScopeSigner:
    """Makes and checks the MAC of a row of ``producer_scopes``, so that a foreign row grants nothing.

    Parameters
    ----------
    secret
        The program's secret (``ROMASHKA_PSEUDONYM_KEY``); a key for this purpose alone is derived from it.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=b"romashka producer scopes").derive(secret)

    def mac(self, id_: str, scope: ProducerScope) -> str:
        """Return the MAC of a key's scope."""
        content = [id_, scope.all_tenants, sorted(map(str, scope.tenants)), sorted(scope.topics)]
        return hmac.new(self._key, json.dumps(content).encode(), sha256).hexdigest()


def stored_scopes(client: Client, signer: ScopeSigner) -> dict[str, ProducerScope]:
    """Return the scopes of all keys by key id; one without a valid MAC allows nothing. Raises ``Unreachable``."""
    scopes = {}
    for row in query_rows(client, "SELECT id, all_tenants, tenants, topics, mac FROM producer_scopes FINAL", {}):
        id_ = str(row["id"])
        scope = ProducerScope(bool(row["all_tenants"]), frozenset(row["tenants"]), frozenset(row["topics"]))
        signed = hmac.compare_digest(signer.mac(id_, scope).encode(), str(row["mac"]).encode())
        scopes[id_] = scope if signed else _UNSIGNED
    return scopes


def add_producer_key(
    client: Client,
    secret: bytes,
    *,
    tenants: list[UUID],
    all_tenants: bool,
    topics: list[str],
    label: str,
    now: datetime,
) -> tuple[StoredKey, str]:
    """Make and store a key of the role ``producer``; return its stored form, and its text, which is shown once.

    Raises
    ------
    SettingsError
        No tenant, or both some and all, or an unknown topic.
    Unreachable
        ClickHouse did not take it.
    """
    if bool(tenants) == all_tenants:
        raise SettingsError("a producer's key needs --tenant, as often as it has tenants, or --all-tenants")
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown:
        raise SettingsError(f"there is no topic '{unknown[0]}'; expected one of {', '.join(TOPICS)}")
    key, shown = new_key(Role.PRODUCER, tenants[0] if tenants else ALL_TENANTS_ID, label, now)
    scope = ProducerScope(all_tenants, frozenset(tenants), frozenset(TOPICS[topic].name for topic in topics))
    # The scope comes first: a key without one would be for its first tenant and every topic.
    insert_rows(
        client,
        "producer_scopes",
        ("id", "all_tenants", "tenants", "topics", "entered_at", "mac"),
        [(key.id, all_tenants, tenants, sorted(scope.topics), now, ScopeSigner(secret).mac(key.id, scope))],
    )
    save(client, key, KeySigner(secret))
    return key, shown
