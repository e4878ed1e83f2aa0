"""Keys of the sign-in service while it is quick, slow and away; time is the loop's, waits are short ones of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import cast

import pytest
from jwt import PyJWK

from api import signing_keys
from api.problems import ApiError
from api.signing_keys import SigningKeys
from models.errors import Unreachable


def key(name: str) -> PyJWK:
    return cast("PyJWK", name)


class Service:
    """A sign-in service: what it has, how long it takes, and how often it was asked."""

    def __init__(self, *kids: str) -> None:
        self.keys: dict[str, PyJWK] = {kid: key(kid) for kid in kids}
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.takes = 0.0
        self.away = False

    async def fetch(self) -> Mapping[str, PyJWK]:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.at_once -= 1
        if self.away:
            raise Unreachable("away")
        return dict(self.keys)


async def admit() -> None:
    pass


async def refuse() -> None:
    raise ApiError(429, "too-many", "too many wrong tokens")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_keys, "_FETCH_SECONDS", 0.3)
    monkeypatch.setattr(signing_keys, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(signing_keys, "_PAUSE_AFTER_FAILURE", 0.1)


@pytest.mark.usefixtures("quick")
async def test_a_key_that_is_known_never_waits_for_a_service_that_hangs() -> None:
    service, moment = Service("first"), 0.0
    keys = SigningKeys(service.fetch, lambda: moment)
    assert await keys.get("first", admit) == key("first")
    service.takes, moment = 60.0, 400.0  # old enough to be fetched again
    strangers = [asyncio.create_task(keys.get(f"unknown{number}", admit)) for number in range(12)]
    await asyncio.sleep(0.02)
    began = time.perf_counter()
    for _ in range(50):
        assert await keys.get("first", refuse) == key("first")
    assert time.perf_counter() - began < 0.1
    ended = await asyncio.gather(*strangers, return_exceptions=True)
    assert {getattr(one, "status", None) for one in ended} == {503}
    assert service.most_at_once == 1
    await keys.close()


@pytest.mark.usefixtures("quick")
async def test_a_rotated_key_is_taken_at_its_first_use() -> None:
    service = Service("first")
    keys = SigningKeys(service.fetch, time.monotonic)
    assert await keys.get("first", admit) == key("first")
    service.keys["second"] = key("second")
    assert await keys.get("second", admit) == key("second")


def test_with_the_real_pauses_a_rotated_key_is_taken_within_a_second() -> None:
    assert signing_keys._PAUSE_SECONDS < 1


@pytest.mark.usefixtures("quick")
async def test_strangers_cause_one_fetch_at_a_time_and_few_of_them() -> None:
    service = Service("first")
    service.takes = 0.02
    keys = SigningKeys(service.fetch, time.monotonic)
    began = time.perf_counter()
    found = await asyncio.gather(*(keys.get(f"unknown{number}", admit) for number in range(200)))
    assert set(found) == {None}
    assert service.most_at_once == 1
    assert service.asked <= 2 + (time.perf_counter() - began) / 0.05


@pytest.mark.usefixtures("quick")
async def test_after_a_failure_nothing_is_asked_for_a_while_and_nobody_waits() -> None:
    service, moment = Service(), 0.0
    service.away = True
    keys = SigningKeys(service.fetch, lambda: moment)
    for _ in range(20):
        with pytest.raises(ApiError, match="does not answer"):
            await keys.get("first", admit)
    assert service.asked == 1
    service.away, moment = False, 1.0
    service.keys["first"] = key("first")
    assert await keys.get("first", admit) == key("first")


async def test_who_is_refused_causes_no_fetch_that_would_wait() -> None:
    service, moment = Service("first"), 0.0
    keys = SigningKeys(service.fetch, lambda: moment)
    assert await keys.get("first", admit) == key("first")
    asked = service.asked
    with pytest.raises(ApiError, match="too many"):
        await keys.get("unknown", refuse)
    assert service.asked == asked


async def test_a_key_that_cannot_be_confirmed_for_an_hour_is_not_taken() -> None:
    service, moment = Service("first"), 0.0
    keys = SigningKeys(service.fetch, lambda: moment)
    assert await keys.get("first", admit) == key("first")
    service.away, moment = True, 3601.0
    with pytest.raises(ApiError, match="does not answer"):
        await keys.get("first", admit)
