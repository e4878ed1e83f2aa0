"""`romashka access grafana`, twice on an empty Grafana, and what a viewer of each team sees then."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from typing import Final

import httpx
import pytest

from cli.grafana import ALERT_FOLDER, ALERT_TEAMS, FOLDERS, TEAMS
from tests.grafana.server import Running

pytestmark = pytest.mark.timeout(600)
# A folder of Grafana's own, with what is shared with a viewer outside of the folders that the viewer sees.
_SHARED: Final = "sharedwithme"
# Grafana keeps what a user may see for a minute.
_SEEN_WITHIN_SECONDS: Final = 100


@pytest.fixture(scope="module")
def said(grafana: Running) -> tuple[str, str]:
    """What the command printed, the first and the second time."""
    env = {
        **os.environ,
        "ROMASHKA_GRAFANA_URL": grafana.url,
        "ROMASHKA_GRAFANA_USER": grafana.user,
        "ROMASHKA_GRAFANA_PASSWORD": grafana.password,
    }
    command = [sys.executable, "-m", "cli.main", "access", "grafana"]
    first, second = (
        subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout for _ in range(2)
    )
    return first, second


def test_the_second_run_changes_nothing(said: tuple[str, str]) -> None:
    assert "created" not in said[1]
    assert "now" not in said[1]
    assert all(f"team {name}" in said[1] for name in TEAMS)


@pytest.mark.parametrize("team", [*TEAMS, "no team"])
def test_a_viewer_sees_the_folders_of_the_team_and_no_others(
    team: str, said: tuple[str, str], grafana: Running
) -> None:
    wanted = {folder for folder, teams in FOLDERS.items() if team in teams}
    wanted |= {ALERT_FOLDER} if team in ALERT_TEAMS else set()
    with grafana.client() as admin:
        viewer = _viewer(admin, team)
    with httpx.Client(base_url=grafana.url, auth=viewer, timeout=30) as api:
        deadline = time.monotonic() + _SEEN_WITHIN_SECONDS
        while (seen := _folders(api)) != wanted and time.monotonic() < deadline:
            time.sleep(2)
        boards = {one["folderUid"] for one in api.get("/api/search", params={"tag": "romashka-ia"}).json()}
        groups = api.get("/api/prometheus/grafana/api/v1/rules").json()["data"]["groups"]
    assert seen == wanted
    assert boards == wanted - {ALERT_FOLDER}
    assert bool(groups) == (team in ALERT_TEAMS)


def _folders(api: httpx.Client) -> set[str]:
    found = api.get("/api/folders", params={"limit": 1000}).raise_for_status().json()
    seen = {one["title"] if one["title"] == ALERT_FOLDER else one["uid"] for one in found}
    return seen - {_SHARED}


def _viewer(admin: httpx.Client, team: str) -> tuple[str, str]:
    login, password = f"viewer-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    body = {"name": login, "login": login, "password": password, "OrgId": 1}
    user = admin.post("/api/admin/users", json=body).raise_for_status().json()["id"]
    admin.patch(f"/api/org/users/{user}", json={"role": "Viewer"}).raise_for_status()
    if team in TEAMS:
        found = admin.get("/api/teams/search", params={"name": team}).raise_for_status().json()["teams"]
        (number,) = [one["id"] for one in found if one["name"] == team]
        admin.post(f"/api/teams/{number}/members", json={"userId": user}).raise_for_status()
    return login, password
