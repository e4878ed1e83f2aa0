"""The database's process: an HTTP server that hands statements to the engine.

Started by :class:`embedded.database.Database`::

    python -m embedded.server LISTENING_SOCKET DATA_DIR [BACKUPS [CONFIG]]

where the first argument is the number of an inherited file descriptor, the third a folder for backups or empty, and the
last a configuration file of ClickHouse. SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from embedded.engine import Engine
from embedded.http_interface import HttpInterface

_MAX_URL = 1024 * 1024
_CLOSE_SECONDS = 1.0


async def serve(engine: Engine, listener: socket.socket) -> None:
    """Answer requests until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    application = HttpInterface(engine).application()
    runner = web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,  # aiohttp knows neither LZ4 nor several frames in one body
        max_line_size=_MAX_URL,
        max_field_size=_MAX_URL,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await stopped.wait()
    await runner.cleanup()


def main(arguments: list[str]) -> None:
    """Open the data directory and serve it."""
    listener = socket.socket(fileno=int(arguments[0]))
    try:
        engine = Engine(Path(arguments[1]), *(Path(one) if one else None for one in arguments[2:]))
    except RuntimeError as error:  # the engine has written the reason to standard error
        sys.exit(f"The engine cannot open {arguments[1]}: {error}")
    asyncio.run(serve(engine, listener))
    engine.close()
    # What was inserted is on disk. A statement that still runs in a thread must not hold up the exit.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
