"""Opens a given loopback port, or any free one."""

from __future__ import annotations

import socket

from models.errors import PortInUse, SettingsError

LOOPBACK = "127.0.0.1"


def listen(port: int, setting: str) -> socket.socket:
    """Open a listening socket on the loopback address.

    Parameters
    ----------
    port
        0 picks a free one.
    setting
        The option a person would change, for the error messages.

    Raises
    ------
    PortInUse
        Something else listens there.
    SettingsError
        No such port, or this user may not use it.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except (OverflowError, PermissionError) as error:
        listener.close()
        raise SettingsError(f"{setting} {port} cannot be used ({error}); give one from 1024 to 65535, or 0.") from error
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"Port {port} ({setting}) is already taken. Stop the program that listens on {LOOPBACK}:{port}, "
            f"or give another port; {setting} 0 picks a free one."
        ) from error
    return listener
