from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.api_key_cache import ApiKeyCache
from api.identity import Identity
from api.keys import KeySigner, StoredKey, new_key, parted
from api.problems import ApiError
from api.roles import Role
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TENANT = UUID(int=7)


def test_what_is_stored_of_a_key_does_not_open_anything() -> None:
    key, shown = new_key(Role.VIEWER, TENANT, "billing", NOW)
    parts = parted(shown)
    assert parts is not None
    id_, secret = parts
    assert id_ == key.id
    assert key.opens_with(secret)
    assert not key.opens_with(secret[:-1] + ("a" if secret[-1] != "a" else "b"))
    assert not key.opens_with(key.hash)
    assert secret not in str(key)


def test_only_a_key_of_an_administrator_is_for_all_tenants() -> None:
    assert new_key(Role.ADMIN, None, "boss", NOW)[0].tenant == ALL_TENANTS_ID
    for role, tenant in ((Role.VIEWER, None), (Role.ADMIN, TENANT)):
        with pytest.raises(SettingsError, match="tenant: a key needs one"):
            new_key(role, tenant, "x", NOW)


@pytest.mark.parametrize("text", ["", "rmk_", "rmk_short_x", "rmk_" + "a" * 12 + "_" + "b" * 42, "eyJhbGciOi"])
def test_what_is_no_key_is_not_taken_for_one(text: str) -> None:
    assert parted(text) is None


class Stored:
    """The table of keys, and how often it was read."""

    def __init__(self, *keys: StoredKey) -> None:
        self.keys = list(keys)
        self.reads = 0

    async def read(self) -> list[StoredKey]:
        self.reads += 1
        return self.keys


async def test_keys_are_read_every_few_seconds_whoever_asks() -> None:
    key, shown = new_key(Role.ANALYST, TENANT, "billing", NOW)
    table, moment = Stored(key), 100.0
    ring = ApiKeyCache(table.read, lambda: moment)
    identity = await ring.identity(shown)
    assert identity == Identity(f"key:{key.id}", "billing", frozenset({Role.ANALYST}), frozenset({TENANT}))
    for made_up in ("rmk_nothing", shown[:-2] + "__"):
        with pytest.raises(ApiError, match="no such API key"):
            await ring.identity(made_up)
    assert table.reads == 1
    table.keys = [key._replace(revoked_at=NOW + timedelta(seconds=1))]
    assert await ring.identity(shown) == identity
    moment += 5.1
    with pytest.raises(ApiError, match="revoked"):
        await ring.identity(shown)
    assert ring.take_uses() == {key.id: datetime.fromtimestamp(100.0, UTC)}
    assert ring.take_uses() == {}


async def test_a_key_opens_from_the_moment_on_that_it_is_stored() -> None:
    old, _ = new_key(Role.ANALYST, TENANT, "billing", NOW)
    table, moment = Stored(old), 100.0
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        nonlocal moment
        waits.append(seconds)
        moment += seconds

    ring = ApiKeyCache(table.read, lambda: moment, pause)
    with pytest.raises(ApiError, match="no such API key"):
        await ring.identity("rmk_nothing")
    new, shown = new_key(Role.VIEWER, TENANT, "just made", NOW)
    table.keys.append(new)
    moment += 0.25
    assert (await ring.identity(shown)).name == f"key:{new.id}"
    assert waits == [pytest.approx(0.75)]
    assert table.reads == 2


async def test_made_up_keys_have_the_table_read_once_a_second_however_many_come() -> None:
    key, shown = new_key(Role.ANALYST, TENANT, "billing", NOW)
    table, moment = Stored(key), 100.0

    async def pause(seconds: float) -> None:
        nonlocal moment
        await asyncio.sleep(0)
        moment += seconds

    async def refused() -> bool:
        try:
            await ring.identity(f"rmk_{'a' * 12}_{'b' * 43}")
        except ApiError:
            return True
        return False

    ring = ApiKeyCache(table.read, lambda: moment, pause)
    await ring.identity(shown)
    moment += 0.1
    assert all(await asyncio.gather(*(refused() for _ in range(50))))
    assert table.reads == 2
    assert moment == pytest.approx(101.0)


@pytest.mark.parametrize(
    "change",
    [
        {"role": Role.ADMIN},
        {"tenant": ALL_TENANTS_ID},
        {"hash": "0" * 64},
        {"id": "a" * 12},
        {"label": "other"},
        {"revoked_at": NOW},
        {"created_at": NOW + timedelta(seconds=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_row_that_was_changed_or_signed_with_another_secret_does_not_count(change: dict[str, Any]) -> None:
    key, _ = new_key(Role.VIEWER, TENANT, "billing", NOW)
    signer = KeySigner(b"a secret of at least 16 bytes")
    mac = signer.mac(key)
    assert signer.signed(key, mac)
    assert signer.signed(key._replace(used_at=NOW), mac)
    assert not signer.signed(key._replace(**change), mac)
    assert not KeySigner(b"another secret of 16 bytes").signed(key, mac)
    assert not signer.signed(key, "")
    assert not signer.signed(key, "\u00fc")


@pytest.mark.parametrize("microsecond", [0, 400, 500, 600, 999_999])
def test_a_mac_holds_for_times_as_the_table_gives_them_back(microsecond: int) -> None:
    key, _ = new_key(Role.VIEWER, TENANT, "billing", NOW.replace(microsecond=microsecond))
    signer = KeySigner(b"a secret of at least 16 bytes")
    kept = key._replace(created_at=NOW.replace(microsecond=microsecond // 1000 * 1000))
    assert signer.signed(kept, signer.mac(key))
