from __future__ import annotations

import asyncio
import threading
from typing import Any, cast
from uuid import UUID

import pytest

from api import pool as pools
from api.broadcaster import Broadcaster, Watcher
from api.identity import Identity
from api.pool import Pool
from api.problems import ApiError
from api.roles import Role
from api.shares import HOLDERS, Shares, holders_of
from storage.connection import ClickHouseAddress

OURS, THEIRS = UUID(int=1), UUID(int=2)


def test_who_has_one_tenant_holds_on_its_account_too() -> None:
    one = Identity("key:a", "", frozenset({Role.ANALYST}), frozenset({OURS}))
    assert holders_of(one) == ("key:a", f"tenant:{OURS}")
    assert holders_of(Identity("key:b", "", frozenset({Role.ADMIN}), frozenset())) == ("key:b",)


async def test_who_has_its_share_waits_until_it_gives_one_back() -> None:
    shares = Shares(2)
    assert [shares.take(("a", "t")) for _ in range(3)] == [True, True, False]
    assert not shares.take(("b", "t")), "its tenant has its share"
    assert shares.take(("c",))
    waiting = asyncio.create_task(shares.wait(("a",)))
    await asyncio.sleep(0)
    assert not waiting.done()
    shares.give_back(("a", "t"))
    await asyncio.wait_for(waiting, 1)


class Connections(Pool):
    """A pool without a database."""

    def _connect(self) -> Any:
        return Connection()


class Connection:
    def set_client_setting(self, *_: Any) -> None:
        pass

    def close(self) -> None:
        pass


async def test_one_identity_never_takes_every_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_PATIENCE", 0.2)
    pool = Connections(ClickHouseAddress("http://127.0.0.1:1", "none"), 4)
    done = threading.Event()
    greedy, other = ("key:greedy", f"tenant:{OURS}"), ("key:other", f"tenant:{THEIRS}")
    HOLDERS.set(greedy)
    many = [asyncio.create_task(pool.run(lambda client: done.wait(10))) for _ in range(50)]
    await asyncio.sleep(0.05)
    HOLDERS.set(other)
    assert await asyncio.wait_for(pool.run(lambda client: "answered"), 1) == "answered"
    await asyncio.sleep(0.3)
    done.set()
    ended = await asyncio.gather(*many, return_exceptions=True)
    assert [one.status for one in ended if isinstance(one, ApiError)] == [429] * 48
    pool.close()


async def test_one_identity_or_tenant_never_takes_every_place_of_the_live_view() -> None:
    hub = Broadcaster(cast("Any", None))
    refusals: set[int] = set()

    def joined(name: str, tenant: UUID, times: int) -> int:
        count = 0
        for _ in range(times):
            try:
                hub.join(Watcher(lambda event: True), (name, f"tenant:{tenant}"))
            except ApiError as refused:
                refusals.add(refused.status)
            else:
                count += 1
        return count

    assert joined("key:greedy", OURS, 600) == 10
    assert sum(joined(f"key:{number}", OURS, 10) for number in range(20)) == 40
    assert joined("key:other", THEIRS, 1) == 1
    assert refusals == {429}


def test_a_place_is_free_again_once_its_watcher_has_left() -> None:
    hub = Broadcaster(cast("Any", None))
    for _ in range(30):
        watcher = Watcher(lambda event: True)
        hub.join(watcher, ("key:a",))
        hub.leave(watcher)
