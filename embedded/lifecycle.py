"""Start, stop and restart of an embedded server."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from embedded.process import ServerProcess
from models.errors import RomashkaError


class EmbeddedServer(ABC):
    """Base of broker and database: start, stop, pid, and use in a ``with`` statement.

    The port is chosen at the first start and kept: stopping and starting again is a restart at the same address.

    Attributes
    ----------
    name, port_setting
        For messages: what it is, and the option that a person would change.
    grace_seconds
        How long a stop waits between SIGTERM and SIGKILL.
    """

    name: str
    port_setting: str
    grace_seconds: float

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._process: ServerProcess | None = None

    @property
    def pid(self) -> int:
        """Process id of the server itself, for SIGKILL and SIGSTOP in tests of failures."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether the server was started and is alive."""
        return self._process is not None and self._process.running

    def start(self) -> Self:
        """Launch the server and wait until it answers.

        Raises
        ------
        PortInUse
            The port is taken.
        Unreachable
            It did not come up; the message has the last lines of its log.
        """
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> None:
        """Start the process without waiting for it; :meth:`wait_until_ready` must follow."""
        if self.running:
            raise RomashkaError(f"The {self.name} is running already, on port {self.port}.")
        self.stop()
        scratch = Path(tempfile.mkdtemp(prefix=f"romashka-{self.name}-"))
        try:
            self._process = self._spawn(scratch)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def wait_until_ready(self) -> None:
        """Return once the server answers; on failure stop it and raise."""
        try:
            self._started().wait_until(self._answers)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server: SIGTERM, then SIGKILL after the grace period. Does nothing when it is not running."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _started(self) -> ServerProcess:
        if self._process is None:
            raise RomashkaError(f"The {self.name} is not running; call start() first.")
        return self._process

    @abstractmethod
    def _spawn(self, scratch: Path) -> ServerProcess:
        """Launch the process and settle ``self.port``."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server answers a real request now."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
