"""Teams and folder permissions, against a fake that keeps the contract of Grafana's HTTP API."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cli.grafana import ALERT_FOLDER, FOLDERS, GrafanaAddress, set_access
from models.errors import SettingsError, Unreachable
from tests.unit.deploy.fake_grafana import FakeGrafana, serving

PASSWORD = "the password of a test"


@pytest.fixture
def fake() -> FakeGrafana:
    """A Grafana that has just been started with the provisioned folders."""
    return FakeGrafana(list(FOLDERS))


@pytest.fixture
def grafana(fake: FakeGrafana) -> Iterator[GrafanaAddress]:
    """Where it is."""
    with serving(fake) as url:
        yield GrafanaAddress(url, "romashka", PASSWORD)


def _viewers(fake: FakeGrafana, folder: str) -> list[str]:
    return sorted(fake.teams[entry["teamId"]] for entry in fake.permissions[folder])


def test_teams_are_made_and_each_folder_is_for_its_audience(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    set_access(grafana)
    assert _viewers(fake, "romashka-folder-executive") == ["analyst", "executive", "operations"]
    assert _viewers(fake, "romashka-folder-operations") == ["analyst", "operations"]
    assert _viewers(fake, "romashka-folder-analyst") == ["analyst"]
    ours = [fake.permissions[folder] for folder in FOLDERS]
    assert {entry["permission"] for entries in ours for entry in entries} == {1}


def test_the_folder_of_alert_rules_is_found_by_its_title_and_set_too(
    fake: FakeGrafana, grafana: GrafanaAddress
) -> None:
    (uid,) = (uid for uid, title in fake.titles.items() if title == ALERT_FOLDER)
    set_access(grafana)
    assert _viewers(fake, uid) == ["analyst", "operations"]


def test_folders_of_others_stay_as_they_are(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    (uid,) = (uid for uid, title in fake.titles.items() if title != ALERT_FOLDER)
    before = list(fake.permissions[uid])
    set_access(grafana)
    assert fake.permissions[uid] == before


def test_a_folder_of_alert_rules_that_is_not_there_is_named(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    fake.titles.clear()
    with pytest.raises(SettingsError, match="no folder 'Alert rules'"):
        set_access(grafana)


def test_nobody_else_may_look_any_more(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    set_access(grafana)
    ours = [*FOLDERS, *(uid for uid, title in fake.titles.items() if title == ALERT_FOLDER)]
    assert not [entry for uid in ours for entry in fake.permissions[uid] if "role" in entry]


def test_a_second_run_changes_nothing(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    first = set_access(grafana)
    fake.writes.clear()
    second = set_access(grafana)
    assert fake.writes == []
    assert any("created" in line for line in first)
    assert not any("created" in line or "now" in line for line in second)


def test_what_somebody_changed_by_hand_is_put_right(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    set_access(grafana)
    fake.permissions["romashka-folder-analyst"].append({"role": "Viewer", "permission": 1})
    fake.writes.clear()
    set_access(grafana)
    assert fake.writes == ["folder romashka-folder-analyst"]


def test_a_team_whose_name_is_only_similar_is_another_team(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    fake.teams[1] = "Analyst trainees"
    set_access(grafana)
    assert sorted(fake.teams.values()) == ["Analyst trainees", "analyst", "executive", "operations"]


def test_a_wrong_password_names_the_settings(grafana: GrafanaAddress) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_GRAFANA_USER and _PASSWORD"):
        set_access(grafana._replace(password="wrong"))


def test_a_folder_that_is_not_there_says_that_the_dashboards_are_missing(
    fake: FakeGrafana, grafana: GrafanaAddress
) -> None:
    del fake.permissions["romashka-folder-analyst"]
    with pytest.raises(SettingsError, match="deploy/grafana provisioned"):
        set_access(grafana)


def test_an_answer_that_is_not_grafanas_is_said_as_it_is(fake: FakeGrafana, grafana: GrafanaAddress) -> None:
    fake.broken = True
    with pytest.raises(Unreachable, match=r"GET /api/teams/search\?name=executive with 502: a proxy without a Grafana"):
        set_access(grafana)


def test_a_server_that_is_no_grafana_names_the_setting(grafana: GrafanaAddress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"

        def hang_up() -> None:
            with suppress(OSError):  # until nobody listens any more
                while True:
                    deaf.accept()[0].close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        with pytest.raises(Unreachable, match="check ROMASHKA_GRAFANA_URL"):
            set_access(grafana._replace(url=url))
        deaf.shutdown(socket.SHUT_RDWR)
        hanging_up.join()
