"""A real worker in a process of its own, as a supervisor would run it."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress

SECRET = b"a secret for tests only, 32 bytes"
# Slow machines are given more time: how many times that of the tests.
PATIENCE = float(os.environ.get("ROMASHKA_TEST_PATIENCE", "1"))
ROMASHKA = Path(sys.executable).with_name("romashka")


def environment(kafka: KafkaAddress, database: ClickHouseAddress, group: str) -> dict[str, str]:
    """Return the settings of a worker, or of any other command, on this stack."""
    return {
        **os.environ,
        "ROMASHKA_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "ROMASHKA_KAFKA_GROUP": group,
        "ROMASHKA_KAFKA_SESSION_SECONDS": "6",
        "ROMASHKA_CLICKHOUSE_URL": database.url,
        "ROMASHKA_CLICKHOUSE_DATABASE": database.database,
        "ROMASHKA_CLICKHOUSE_USER": database.user,
        "ROMASHKA_CLICKHOUSE_PASSWORD": database.password,
        "ROMASHKA_PSEUDONYM_KEY": base64.b64encode(SECRET).decode(),
        "ROMASHKA_METRICS_PORT": "0",
        "COLUMNS": "200",
    }


class WorkerProcess:
    """Starts ``romashka worker``; leaving the context kills it if it still runs."""

    def __init__(self, env: dict[str, str], command: Sequence[str | Path] = (ROMASHKA, "worker")) -> None:
        self._env = env
        self._command = command
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving the context
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, or start it again; does not wait until it is ready."""
        self._process = subprocess.Popen(self._command, env=self._env, stdout=self._log, stderr=self._log)
        return self

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    def log(self) -> str:
        """Return what it has printed so far, over all starts."""
        self._log.seek(0)
        return self._log.read().decode()

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Wait until it has joined its group (for the last of its starts)."""
        wait_for(lambda: f"[{self.pid}] worker ready" in self.log() or self._failed(), seconds, self.log)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels."""
        lines = self.scrape().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        samples = [
            line for line in lines if line.split("{")[0].split(" ")[0] == name and all(w in line for w in wanted)
        ]
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples)

    def probe(self, path: str) -> tuple[int, str]:
        """Return the status and the text of what it serves for supervisors at a path."""
        port = self.log().rsplit("metrics at http://127.0.0.1:", 1)[1].split("/", 1)[0]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def scrape(self) -> str:
        """Return its metrics as it serves them."""
        return self.probe("/metrics")[1]

    def kill(self) -> None:
        """SIGKILL it and wait until it is gone."""
        self._running().kill()
        self._running().wait()

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM it; return its exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self._running().wait(seconds * PATIENCE)

    def ended(self) -> bool:
        """Tell whether it has ended by itself."""
        return self._running().poll() is not None

    def exit_code(self, seconds: float) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._running().wait(seconds * PATIENCE)

    def _failed(self) -> bool:
        code = self._running().poll()
        if code is not None:
            raise AssertionError(f"the worker ended with {code}:\n{self.log()}")
        return False

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the worker was not started"
        return self._process

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()


def wait_for(condition: Callable[[], bool], seconds: float, why: Callable[[], str] = str) -> None:
    """Poll until a condition holds, or fail with what ``why`` says."""
    deadline = time.monotonic() + seconds * PATIENCE
    asked = time.monotonic()
    while not condition():
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"did not happen within {seconds:.0f} s:\n{why()}")
        time.sleep(max(0.1, 3 * (now - asked)))  # a question that is hard to answer must not slow down what it asks for
        asked = time.monotonic()


def romashka(env: dict[str, str], *arguments: str, stdin: bytes = b"", expect: int = 0) -> str:
    """Run a command; return what it printed."""
    done = subprocess.run([ROMASHKA, *arguments], env=env, input=stdin, capture_output=True, timeout=120, check=False)
    printed = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == expect, f"romashka {' '.join(arguments)} ended with {done.returncode}:\n{printed}"
    return printed
