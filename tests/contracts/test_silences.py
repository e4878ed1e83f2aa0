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


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


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
    now = _now()
    base = Silence(matchers, now, now + timedelta(hours=1), "romashka", "snooze (ada) [romashka " + str(uuid4()) + "]")
    return base._replace(**fields)


def test_a_silence_is_made_read_back_and_ended(grafana: tuple[str, str]) -> None:
    alertmanager = Alertmanager(*grafana)
    wanted = silence()
    id_ = alertmanager.make(wanted)
    (found,) = [one for one in alertmanager.silences() if one.id == id_]
    assert found._replace(starts_at=wanted.starts_at, id="") == wanted
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
        Alertmanager(*grafana).make(silence(ends_at=_now() - timedelta(hours=1)))


def test_a_wrong_token_is_an_error_that_names_the_setting(grafana: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_SILENCE_TOKEN"):
        Alertmanager(grafana[0], "glsa_wrong").silences()


def test_a_silence_until_beyond_the_calendar_keeps_no_other_from_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    server = SilenceServer("glsa_right")
    ours = silence()
    with server.serving() as url:
        alertmanager = Alertmanager(url, "glsa_right\n")
        id_ = alertmanager.make(ours)
        for ends in ("10000-01-01T04:59:59.000Z", "9999-12-31T23:59:59.000-05:00"):
            server._silences[id_]["endsAt"] = ends
            monkeypatch.setattr(server, "_state", lambda _: "active")  # it could not read the time either
            (found,) = alertmanager.silences()
            assert found.ends_at.year == 9999
            assert found.response == ours.response


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"{}", b"null", b"[1]", b'[{"id": 1}]', b'"x"', b"[null]", b""]
)
def test_whatever_answers_instead_of_grafana_is_an_error_that_names_it(body: bytes) -> None:
    server = SilenceServer("t")
    with server.serving() as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr("embedded.grafana_silences.json.dumps", lambda _: body.decode())
        with pytest.raises(Unreachable, match=r"answers something else than"):
            Alertmanager(url, "t").silences()


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500, 503])
def test_an_answer_of_another_status_is_an_error_and_is_not_followed(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SilenceServer("t")
    monkeypatch.setattr(server, "answer", lambda *_: (status, {"message": "elsewhere"}))
    with server.serving() as url, pytest.raises(Unreachable, match=str(status)):
        Alertmanager(url, "t").silences()


@pytest.mark.parametrize("token", ["schlüssel", "a\nX-Header: b", "a\x00b"])
def test_a_token_that_no_header_can_have_is_an_error_that_names_the_setting(token: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_SILENCE_TOKEN"):
        Alertmanager("http://grafana:3000", token)


def test_a_grafana_that_is_away_or_something_else_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(Unreachable, match="check ROMASHKA_GRAFANA_URL"):
        Alertmanager("http://127.0.0.1:9", "t").silences()
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_URL"):
        Alertmanager("grafana:3000", "t")
