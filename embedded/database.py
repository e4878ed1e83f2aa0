"""The embedded database: chDB, which is the real ClickHouse engine, behind ClickHouse's HTTP interface.

It runs in a process of its own (``embedded.server``), so it shares no interpreter lock with a worker or a
benchmark. Like a default ClickHouse server it accepts any user without a password, and therefore listens on the
loopback address only.
"""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

from embedded.lifecycle import EmbeddedServer
from embedded.ports import LOOPBACK, listen
from embedded.process import ServerProcess
from models.errors import SettingsError, Unreachable

_PROBE_SECONDS = 5.0
_LOCKED = "Another server instance in same directory is already running"


class Database(EmbeddedServer):
    """A ClickHouse server for one process.

    Parameters
    ----------
    port
        HTTP port on 127.0.0.1; 0 picks a free one at the first start.
    data_dir
        Data directory. It survives a stop and a SIGKILL; one server at a time may use it. None keeps the data
        in a temporary directory that is removed when the server stops.
    backups
        Folder for backups; None allows none.
    config
        ClickHouse's configuration file, for example with clusters; it replaces the one that allows backups.
    """

    name = "database"
    port_setting = "--clickhouse-port"
    grace_seconds = 5.0

    def __init__(
        self,
        port: int = 0,
        data_dir: Path | None = None,
        backups: Path | None = None,
        config: Path | None = None,
    ) -> None:
        super().__init__(port)
        self._options = ["" if one is None else str(_checked(one)) for one in (backups, config)]
        self._data_dir = None if data_dir is None else _checked(data_dir)

    @property
    def url(self) -> str:
        """Address for a ClickHouse client that speaks HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    def _spawn(self, scratch: Path) -> ServerProcess:
        data_dir = scratch / "data" if self._data_dir is None else self._data_dir
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"The data directory {data_dir} cannot be made ({error}); give another.") from error
        # The server inherits the socket: no gap between choosing a port and listening on it.
        with listen(self.port, self.port_setting) as listener:
            self.port = listener.getsockname()[1]
            server = [
                sys.executable,
                "-P",
                "-m",
                "embedded.server",
                str(listener.fileno()),
                str(data_dir),
                *self._options,
            ]
            # The engine reads TZ once, when it is loaded; UTC gives the same results on every machine.
            command = ["env", "TZ=UTC", f"TMPDIR={scratch}", *server]
            return ServerProcess(
                self.name, command, scratch, grace_seconds=self.grace_seconds, inherited=[listener.fileno()]
            )

    def wait_until_ready(self) -> None:
        """Return once the server answers; on failure stop it and raise."""
        try:
            super().wait_until_ready()
        except Unreachable as error:
            if _LOCKED not in str(error):
                raise
            raise SettingsError(
                f"The data directory {self._data_dir} is in use by another running database. Stop that one, "
                "or give another directory."
            ) from error

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=_PROBE_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _checked(data_dir: Path) -> Path:
    resolved = data_dir.expanduser().resolve()
    if "?" in str(resolved):  # the engine takes what follows for options
        raise SettingsError(f"The directory {resolved} has a question mark in its name; give another.")
    return resolved
