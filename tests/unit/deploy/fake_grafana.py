"""Teams and folder permissions as Grafana's HTTP API keeps them, in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiohttp import encode_basic_auth, web

from cli.grafana import ALERT_FOLDER

USER: Final = encode_basic_auth("romashka", "the password of a test")


class FakeGrafana:
    """What the calls have left; ``writes`` are the calls that changed something."""

    def __init__(self, folders: list[str]) -> None:
        self.teams: dict[int, str] = {}
        # As a new folder is: every viewer may look, every editor may edit.
        everybody = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 2}]
        # Rules' folders have uids of Grafana's own making.
        self.titles = {f"f{number}": title for number, title in enumerate(("General", ALERT_FOLDER))}
        folders = [*folders, *self.titles]
        self.permissions: dict[str, list[dict[str, Any]]] = {folder: list(everybody) for folder in folders}
        self.writes: list[str] = []
        self.broken = False

    def app(self) -> web.Application:
        """Return the application that answers."""
        app = web.Application(middlewares=[_signed_in])
        app.router.add_get("/api/teams/search", self._search)
        app.router.add_post("/api/teams", self._create)
        app.router.add_get("/api/folders", self._folders)
        app.router.add_get("/api/folders/{uid}/permissions", self._get)
        app.router.add_post("/api/folders/{uid}/permissions", self._set)
        return app

    async def _search(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=502, text="a proxy without a Grafana behind it")
        wanted = request.query.get("name", "")
        # The real search is not exact: it finds parts of names, whatever their case.
        found = [{"id": number, "name": name} for number, name in self.teams.items() if wanted.lower() in name.lower()]
        return web.json_response({"totalCount": len(found), "teams": found, "page": 1, "perPage": 1000})

    async def _create(self, request: web.Request) -> web.Response:
        name = (await request.json())["name"]
        if name in self.teams.values():
            return web.json_response({"message": "Team name taken"}, status=409)
        number = len(self.teams) + 1
        self.teams[number] = name
        self.writes.append(f"team {name}")
        return web.json_response({"message": "Team created", "teamId": number, "uid": f"t{number}"})

    async def _folders(self, _request: web.Request) -> web.Response:
        return web.json_response([{"uid": uid, "title": self.titles.get(uid, uid)} for uid in self.permissions])

    async def _get(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if uid not in self.permissions:
            return web.json_response({"message": "folder not found"}, status=404)
        empty = {"userId": 0, "teamId": 0, "role": ""}
        return web.json_response(
            [{**empty, **entry, "uid": uid, "inherited": False} for entry in self.permissions[uid]]
        )

    async def _set(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        self.permissions[uid] = (await request.json())["items"]
        self.writes.append(f"folder {uid}")
        return web.json_response({"message": "Folder permissions updated"})


@web.middleware
async def _signed_in(request: web.Request, handler: Any) -> web.StreamResponse:
    if request.headers.get("Authorization") != USER:
        return web.json_response({"message": "Invalid username or password"}, status=401)
    answer: web.StreamResponse = await handler(request)
    return answer


@contextmanager
def serving(grafana: FakeGrafana) -> Iterator[str]:
    """Serve on a free loopback port, in a thread; yields the URL."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(grafana.app())
    loop.run_until_complete(runner.setup())
    site = web.TCPSite(runner, "127.0.0.1", 0)
    loop.run_until_complete(site.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(runner.cleanup())
        loop.close()
