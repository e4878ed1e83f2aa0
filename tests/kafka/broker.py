"""Apache Kafka as a process of this machine: one node, broker and controller at once, on loopback."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from models.errors import Unreachable
from tests.kafka import artifacts
from tests.kafka.ports import LOOPBACK, free_ports
from tests.kafka.settings import as_properties, broker_settings

# Slow machines are given more time, as by tests.worker_process.
_START_SECONDS = 120.0 * float(os.environ.get("ROMASHKA_TEST_PATIENCE", "1"))
_STOP_SECONDS = 20.0
_LISTS = ("listeners", "advertised.listeners", "listener.security.protocol.map")
_JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN")
# The broker must not outlive us, however we die: a watcher beside it stops it when our end of its input closes.
_TIED_TO_US = 'exec 3<&0; { cat <&3 >/dev/null; kill $$; } & exec "$@" 3<&- </dev/null'


class ApacheKafka:
    """One Apache Kafka node with a data directory of its own, started and stopped as a context.

    Parameters
    ----------
    port
        The port for clients; 0 picks a free one.
    settings
        Kafka properties of its own; what is said of listeners is added to its plain-text one.
    format_options
        More arguments for the tool that formats its storage, for example users.

    Raises
    ------
    PortInUse
        The port is taken.
    Unreachable
        On entering: the jars cannot be fetched, or the broker does not start; has the end of its log.
    """

    def __init__(
        self, port: int = 0, *, settings: Mapping[str, str] | None = None, format_options: Sequence[str] = ()
    ) -> None:
        broker, controller = free_ports(port, 0)
        self._settings = settings or {}
        self._format_options = format_options
        self.bootstrap = f"{LOOPBACK}:{broker}"
        self._controller = f"{LOOPBACK}:{controller}"
        self._cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._directory = TemporaryDirectory(prefix="romashka-kafka-")
        try:
            self._format()
            self.start()
        except BaseException:
            self._directory.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._directory.cleanup()

    def start(self) -> None:
        """Start the broker on the data it has; return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _TIED_TO_US, "sh", *_java("kafka.Kafka", str(self._properties))],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory.name,  # where Java leaves its report if it crashes
                start_new_session=True,  # Ctrl-C is for the tests; they stop the broker
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker and keep its data: SIGTERM, and SIGKILL where that does not help."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        with suppress(subprocess.TimeoutExpired):  # then SIGKILL, which is next anyway
            process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):  # the watcher may be gone too
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    @property
    def pid(self) -> int:
        """Process id of the broker, for SIGKILL and SIGSTOP in tests of failures."""
        if self._process is None:
            raise Unreachable("Apache Kafka was not started.")
        return self._process.pid

    def restart(self) -> None:
        """Stop and start again, on the same port and with the same data."""
        self.stop()
        self.start()

    @property
    def _log(self) -> Path:
        return Path(self._directory.name) / "broker.log"

    @property
    def _properties(self) -> Path:
        return Path(self._directory.name) / "server.properties"

    def _format(self) -> None:
        settings = broker_settings(self.bootstrap, self.bootstrap, self._controller)
        for name, value in self._settings.items():  # listeners are added to those that are there
            settings[name] = f"{settings[name]},{value}" if name in _LISTS else value
        settings["log.dirs"] = f"{self._directory.name}/data"
        self._properties.write_text(as_properties(settings), encoding="utf-8")
        command = _java(
            "kafka.tools.StorageTool", "format", f"--cluster-id={self._cluster_id}", "--config", str(self._properties)
        )
        command += self._format_options
        done = subprocess.run(command, capture_output=True, text=True, timeout=_START_SECONDS, check=False)
        if done.returncode != 0:
            raise Unreachable(f"Apache Kafka could not format its storage:\n{_end(done.stdout + done.stderr)}")

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        client = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 200, "log_level": 0})
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(KafkaException):  # it does not listen yet
                cluster = client.describe_cluster(request_timeout=0.5).result()
                if cluster.cluster_id == self._cluster_id and cluster.nodes:
                    return
        how = f"ended with code {process.returncode}" if process.returncode is not None else "does not answer"
        log = self._log.read_text(encoding="utf-8", errors="replace")
        raise Unreachable(f"Apache Kafka on {self.bootstrap} {how}. The end of its log:\n{_end(log)}")


def _java(*arguments: str) -> list[str]:
    return ["java", *_JAVA_OPTIONS, "-cp", artifacts.classpath(), *arguments]


def _end(log: str) -> str:
    return "\n".join(log.splitlines()[-30:])
