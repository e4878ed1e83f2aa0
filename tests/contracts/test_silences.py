"""The silences of Grafana's Alertmanager, in the stand-in and in the Grafana that ROMASHKA_TEST_GRAFANA_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from embedded.grafana_silences import SilenceServer
from jobs.grafana_alertmanager import Alertmanager
from models.errors import SettingsError, Unreachable
from models.silences import Matcher, Silence

NOW = datetime.now(UTC).replace(microsecond=0)


def _token_of(url: str) -> str:
    """Return the token of a new service account that may edit."""
    user, password = (os.environ.get(f"ROMASHKA_TEST_GRAFANA_{name}", "admin") for name in ("USER", "PASSWORD"))
    with httpx.Client(base_url=url, auth=(user, password), timeout=30) as client:
        name = {"name": f"silences-{uuid4()}", "role": "Editor"}
        account = client.post("/api/serviceaccounts", json=name).raise_for_status().json()
        made = client.post(f"/api/serviceaccounts/{account['id']}/tokens", json=name).raise_for_status().json()
    return str(made["key"])


@pytest.fixture(params=["stand-in", "grafana"])
def grafana(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Yield an address and a token."""
    if request.param == "stand-in":
        server = SilenceServer("glsa_right")
        with server.serving() as url:
            yield url, server.token
        return
    url = os.environ.get("ROMASHKA_TEST_GRAFANA_URL", "")
    if not url:
        pytest.skip("ROMASHKA_TEST_GRAFANA_URL names no Grafana")
    yield url, _token_of(url)


def silence(**fields: Any) -> Silence:
    matchers = (Matcher("insight_id", str(uuid4())), Matcher("severity", "critical", is_equal=False))
    base = Silence(matchers, NOW, NOW + timedelta(hours=1), "romashka", "snooze (ada) [romashka " + str(uuid4()) + "]")
    return base._replace(**fields)


def test_a_silence_is_made_read_back_and_ended(grafana: tuple[str, str]) -> None:
    alertmanager = Alertmanager(*grafana)
    wanted = silence()
    id_ = alertmanager.make(wanted)
    (found,) = [one for one in alertmanager.silences() if one.id == id_]
    assert found._replace(starts_at=NOW, id="") == wanted
    assert found.response == wanted.response
    assert abs(found.starts_at - datetime.now(UTC)) < timedelta(minutes=1)
    alertmanager.end(id_)
    (ended,) = [one for one in alertmanager.silences() if one.id == id_]
    assert not ended.is_active
    assert ended.ends_at < wanted.ends_at


def test_a_silence_that_is_not_there_is_none_to_end(grafana: tuple[str, str]) -> None:
    Alertmanager(*grafana).end(str(uuid4()))


def test_a_silence_that_grafana_refuses_is_an_error_that_says_so(grafana: tuple[str, str]) -> None:
    with pytest.raises(Unreachable, match="400"):
        Alertmanager(*grafana).make(silence(ends_at=NOW - timedelta(hours=1)))


def test_a_wrong_token_is_an_error_that_names_the_setting(grafana: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_SILENCE_TOKEN"):
        Alertmanager(grafana[0], "glsa_wrong").silences()


def test_a_grafana_that_is_away_or_something_else_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(Unreachable, match="check ROMASHKA_GRAFANA_URL"):
        Alertmanager("http://127.0.0.1:9", "t").silences()
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_URL"):
        Alertmanager("grafana:3000", "t")
