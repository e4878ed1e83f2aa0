"""A Grafana of the tests' own: its files copied, its database's port set, and nothing of an earlier run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from models.errors import Unreachable
from tests.grafana import compose
from tests.kafka.ports import LOOPBACK, free_ports

PASSWORD: Final = "romashka-test-only"
_STARTS_WITHIN_SECONDS: Final = 240
_PLUGIN: Final = "grafana-clickhouse-datasource"
# What compose sets for its own network.
_GIVEN: Final = ("GF_", "ROMASHKA_CLICKHOUSE_", "ROMASHKA_PROMETHEUS_")


class Running(NamedTuple):
    """Where Grafana is, its administrator, what it was told and where it logs (a fresh one only)."""

    url: str
    user: str
    password: str
    log: Path | None = None

    def client(self) -> httpx.Client:
        """Return a client of its API, signed in as the administrator."""
        return httpx.Client(base_url=self.url, auth=(self.user, self.password), timeout=30)


def copied(folder: Path, database_url: str, dashboards: str) -> Path:
    """Copy the provisioning files, with the database's port and where the dashboards lie, and return their folder."""
    target = folder / "provisioning"
    shutil.copytree(compose.ROOT / "deploy/grafana/provisioning", target)
    sources, boards = target / "datasources/romashka.yaml", target / "dashboards/romashka.yaml"
    sources.write_text(sources.read_text().replace("port: 8123", f"port: {urlsplit(database_url).port}"))
    boards.write_text(boards.read_text().replace("/etc/romashka/dashboards", dashboards))
    return target


@contextmanager
def process(home: Path, plugins: Path, folder: Path, values: Mapping[str, str]) -> Iterator[Running]:
    """Run the Grafana of ``home`` on the files in ``folder``; it is ended at the end."""
    (port,) = free_ports(0)
    own = {
        "GF_PATHS_PROVISIONING": folder / "provisioning",
        "GF_PATHS_DATA": folder / "data",
        "GF_PATHS_LOGS": folder / "log",
        "GF_PATHS_PLUGINS": plugins,
        "GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS": _PLUGIN,
    }
    settings = _settings(port, values) | {name: str(value) for name, value in own.items()}
    log = folder / "grafana.log"
    command = [str(home / "bin/grafana"), "server", "--homepath", str(home)]
    with log.open("wb") as file, subprocess.Popen(command, env=_plain() | settings, stdout=file, stderr=file) as server:
        try:
            yield _answering(Running(f"http://{LOOPBACK}:{port}", "romashka", PASSWORD, log), server.poll)
        finally:
            server.terminate()
            server.wait(60)


@contextmanager
def container(folder: Path, values: Mapping[str, str]) -> Iterator[Running]:
    """Run compose's image on the host's network; it is removed at the end."""
    (port,) = free_ports(0)
    settings = _settings(port, values) | {"GF_PLUGINS_PREINSTALL_SYNC": f"{_PLUGIN}@{compose.plugin_version()}"}
    mounts = {folder / "provisioning": "/etc/grafana/provisioning", folder / "dashboards": "/etc/romashka/dashboards"}
    shutil.copytree(compose.ROOT / "deploy/grafana/dashboards", folder / "dashboards")
    command = ["docker", "run", "--rm", "--network", "host", "--name", f"romashka-test-{port}"]
    command += [f"--env={name}={value}" for name, value in settings.items()]
    command += [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    log = folder / "grafana.log"
    with log.open("wb") as file, subprocess.Popen([*command, compose.image()], stdout=file, stderr=file) as server:
        try:
            yield _answering(Running(f"http://{LOOPBACK}:{port}", "romashka", PASSWORD, log), server.poll)
        finally:
            subprocess.run(["docker", "rm", "--force", f"romashka-test-{port}"], check=False, capture_output=True)
            server.wait(60)


def _settings(port: int, values: Mapping[str, str]) -> dict[str, str]:
    """Return what compose sets, less what reaches out of this machine."""
    given = compose.environment({"ROMASHKA_GRAFANA_PASSWORD": PASSWORD, **values})
    del given["GF_PLUGINS_PREINSTALL_SYNC"]
    return given | {
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_SERVER_ROOT_URL": f"http://{LOOPBACK}:{port}",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "ROMASHKA_CLICKHOUSE_HOST": LOOPBACK,
        **{name: value for name, value in values.items() if name.startswith(_GIVEN)},
    }


def _plain() -> dict[str, str]:
    """Return this process's environment without settings of another Grafana."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GF_", "ROMASHKA_"))}


def _answering(running: Running, ended: Callable[[], int | None]) -> Running:
    """Wait until it answers and has loaded its dashboards; ``Unreachable`` with its last words where it does not."""
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    with running.client() as api:
        while time.monotonic() < deadline and ended() is None:
            try:
                if len(api.get("/api/search", params={"tag": "romashka-ia"}).raise_for_status().json()) == 8:
                    return running
            except httpx.HTTPError:
                pass  # it is still starting: whether it ever does is what the deadline asks
            time.sleep(1)
    assert running.log is not None
    raise Unreachable(f"Grafana did not start with the eight dashboards: {running.log.read_text()[-3000:]}")
