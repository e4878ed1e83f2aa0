"""One supervised server process, seen from the program that owns it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from models.errors import Unreachable

START_SECONDS = 30.0

_SUPERVISOR = Path(__file__).with_name("supervisor.py")


class ServerProcess:
    """One running server with its supervisor, its scratch directory and its log.

    Parameters
    ----------
    name
        For messages.
    command
        The server's program and arguments.
    scratch
        The server's scratch directory with its log; removed when it is stopped.
    grace_seconds
        How long it may take to end after SIGTERM, before SIGKILL.
    inherited
        File descriptors to hand on.
    """

    def __init__(
        self, name: str, command: Sequence[str], scratch: Path, *, grace_seconds: float, inherited: Sequence[int] = ()
    ) -> None:
        self._name = name
        self._scratch = scratch
        self._supervisor = subprocess.Popen(  # noqa: S603 - our own script and the command of a class of ours
            [sys.executable, "-I", "-S", str(_SUPERVISOR), str(scratch), str(grace_seconds), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C reaches the owner first, which stops us when it has drained
        )
        self._wanted = cast(IO[bytes], self._supervisor.stdin)  # open as long as the server is wanted
        with cast(IO[bytes], self._supervisor.stdout) as messages:
            first_line = messages.readline()
        if not first_line:
            self.stop()
            raise Unreachable(f"The {name} could not be started: {command[0]} does not run on this machine.")
        self.pid = int(first_line)

    @property
    def running(self) -> bool:
        """Whether the server is alive (a stopped, SIGSTOPped one is)."""
        return self._supervisor.poll() is None

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines the server printed."""
        log_file = self._scratch / "log"
        text = log_file.read_text(errors="replace") if log_file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(self, answers: Callable[[], bool]) -> None:
        """Poll until the server answers.

        Raises
        ------
        Unreachable
            It exited, or did not answer in time; has the last lines of its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if not self.running:
                raise Unreachable(f"The {self._name} stopped while starting. Its last words:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"The {self._name} did not answer within {START_SECONDS:.0f} s. Its last words:\n{self.log_tail()}"
                )
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop the server and remove its scratch directory; does nothing when it has exited."""
        self._wanted.close()
        self._supervisor.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)
