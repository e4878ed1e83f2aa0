"""Unit tests do not touch the network: one that connects to anything but itself fails and says so."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import psutil
import pytest

_CONNECT: Final = ("connect", "connect_ex")


# For a module at a time: Hypothesis does not like fixtures that are renewed for each test function.
@pytest.fixture(autouse=True, scope="module")
def _no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in _CONNECT:
            patch.setattr(socket.socket, name, _only_to_itself(getattr(socket.socket, name)))
        yield


def _only_to_itself(connect: Callable[..., Any]) -> Callable[..., Any]:
    def connect_within_this_process(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and address[1] not in _ports_of_this_process():
            self.close()  # who opened it may not expect this kind of failure
            pytest.fail(
                f"a unit test connects to {address[0]}:{address[1]}. Give it the fake (MemorySink, MemoryTransport), "
                "or move it to tests/contracts or tests/integration"
            )
        return connect(self, address)

    return connect_within_this_process


def _ports_of_this_process() -> set[int]:
    """Ports that this very process listens on: a test may talk to a server that it started itself."""
    connections = psutil.Process().net_connections(kind="inet")
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}
