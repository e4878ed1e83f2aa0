"""Sets Grafana's teams and folder permissions through its HTTP API; idempotent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import aiohttp

from models.errors import SettingsError, Unreachable

_ANSWER: Final = aiohttp.ClientTimeout(total=10)
_VIEW: Final = 1

# Folder uid → the teams that may look into it. The folders come with the provisioned dashboards; their uids differ from
# those of dashboards, since both are of one name space.
FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "romashka-folder-executive": ("executive", "operations", "analyst"),
    "romashka-folder-operations": ("operations", "analyst"),
    "romashka-folder-analyst": ("analyst",),
}
# Rules are provisioned before dashboards and know their folder by title only, so its uid is Grafana's choice.
ALERT_FOLDER: Final = "Alert rules"
ALERT_TEAMS: Final = ("operations", "analyst")
TEAMS: Final = ("executive", "operations", "analyst")


class GrafanaAddress(NamedTuple):
    """Grafana's address and its administrator."""

    url: str
    user: str
    password: str


def set_access(grafana: GrafanaAddress) -> list[str]:
    """Create missing teams and set the folders' permissions; return descriptions of the changes.

    Viewers in none of the teams see none of the folders; administrators see everything.

    Raises
    ------
    SettingsError
        Grafana refuses the user, or a folder is not there.
    Unreachable
        Grafana does not answer as expected.
    """
    return asyncio.run(_set_access(grafana))


async def _set_access(grafana: GrafanaAddress) -> list[str]:
    headers = {"Authorization": aiohttp.encode_basic_auth(grafana.user, grafana.password)}
    async with aiohttp.ClientSession(headers=headers, timeout=_ANSWER) as session:
        api = _Api(session, grafana)
        done = []
        teams = {}
        for name in TEAMS:
            teams[name], created = await _team(api, name)
            done.append(f"team {name}: {'created' if created else 'is there'}")
        alerts = await _folder(api, ALERT_FOLDER)
        for folder, names in {**FOLDERS, alerts: ALERT_TEAMS}.items():
            wanted = [{"teamId": teams[name], "permission": _VIEW} for name in names]
            changed = await _permissions(api, folder, wanted)
            name = ALERT_FOLDER if folder == alerts else folder
            done.append(f"folder {name}: {', '.join(names)} {'may view it now' if changed else 'may view it'}")
    return done


async def _team(api: _Api, name: str) -> tuple[int, bool]:
    found = await api.call("GET", f"/api/teams/search?name={quote(name)}")
    for team in found["teams"]:
        if team["name"] == name:
            return int(team["id"]), False
    made = await api.call("POST", "/api/teams", {"name": name})
    return int(made["teamId"]), True


async def _folder(api: _Api, title: str) -> str:
    """Return the uid of a top-level folder; ``SettingsError`` where there is none of that title."""
    found = await api.call("GET", "/api/folders?limit=1000")  # Grafana's maximum page size
    for folder in found:
        if folder["title"] == title:
            return str(folder["uid"])
    raise SettingsError(
        f"Grafana has no folder '{title}'; start it with deploy/grafana provisioned, so that the alert rules are there"
    )


async def _permissions(api: _Api, folder: str, wanted: list[dict[str, int]]) -> bool:
    """Set the folder's permissions; return whether they changed."""
    path = f"/api/folders/{quote(folder)}/permissions"
    present = await api.call("GET", path)
    # Permissions of administrators, and inherited ones, are not managed here.
    own = {(entry.get("teamId") or 0, entry.get("role") or "", entry["permission"]) for entry in present}
    if own == {(entry["teamId"], "", entry["permission"]) for entry in wanted}:
        return False
    await api.call("POST", path, {"items": wanted})
    return True


class _Api:
    """A client of Grafana's API, with readable errors."""

    def __init__(self, session: aiohttp.ClientSession, grafana: GrafanaAddress) -> None:
        self._session = session
        self._grafana = grafana

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the decoded answer."""
        url = self._grafana.url.rstrip("/") + path
        try:
            async with self._session.request(method, url, json=body) as answer:
                if answer.status in {401, 403}:
                    raise SettingsError(
                        f"Grafana at {self._grafana.url} refuses user '{self._grafana.user}'; check "
                        "ROMASHKA_GRAFANA_USER and _PASSWORD (the user must be an administrator)"
                    )
                if answer.status == 404:
                    raise SettingsError(
                        f"Grafana at {self._grafana.url} has no {path}; start it with deploy/grafana provisioned, so "
                        "that the folders are there"
                    )
                if answer.status != 200:
                    raise Unreachable(f"Grafana answered {method} {path} with {answer.status}: {await answer.text()}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(
                f"Grafana at {self._grafana.url} does not answer ({type(error).__name__}); check ROMASHKA_GRAFANA_URL"
            ) from error
