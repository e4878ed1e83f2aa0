"""Free ports on loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from models.errors import PortInUse

LOOPBACK = "127.0.0.1"


def free_ports(*wanted: int) -> list[int]:
    """Return ports that are free now, one for each wanted; 0 leaves the choice to the system.

    Raises
    ------
    PortInUse
        A wanted port is taken.
    """
    with ExitStack() as held:  # all at once, or the system could choose the same port twice
        return [_bind(port, held) for port in wanted]


def _bind(port: int, held: ExitStack) -> int:
    listener = held.enter_context(socket.socket())
    # A port that a stopped broker has just left is free: only a live listener counts.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        raise PortInUse(
            f"Port {port} on {LOOPBACK} cannot be used ({error.strerror}): choose another, or 0."
        ) from error
    chosen: int = listener.getsockname()[1]
    return chosen
