"""Runs one server as a child process that never outlives its owner.

Run as a script, so that it needs nothing but the standard library and starts in milliseconds::

    python -I -S supervisor.py SCRATCH_DIR GRACE_SECONDS COMMAND [ARGUMENT ...]

The owner keeps the other end of our standard input open for as long as the server is wanted. Closing it stops
the server (SIGTERM, then SIGKILL after the grace) and so does the owner's death, even by SIGKILL, because the
kernel closes the pipe then. A "parent death signal" would not do: it exists on Linux only and fires when the
*thread* that started the child ends.

The first line on standard output is the server's process id. Its output goes to SCRATCH_DIR/log.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

LOG_LIMIT = 256 * 1024


def keep_log(source: int, log_file: Path, limit: int = LOG_LIMIT) -> None:
    """Copy a file descriptor to a file until it ends; start the file afresh when it exceeds ``limit`` bytes."""
    with log_file.open("wb", buffering=0) as log:
        while chunk := os.read(source, 65536):
            if log.tell() + len(chunk) > limit:
                log.seek(0)
                log.truncate()
            log.write(chunk[-limit:])


def stop_when_told(server: subprocess.Popen[bytes], grace_seconds: float, told: threading.Event) -> None:
    """Wait until the owner closes our standard input, then end the server."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    told.set()
    server.terminate()
    try:
        server.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        server.kill()


def main(arguments: list[str]) -> int:
    """Run the command until it ends or is no longer wanted; return its exit code."""
    scratch, grace_seconds, command = Path(arguments[0]), float(arguments[1]), arguments[2:]
    read_end, write_end = os.pipe()
    # close_fds=False hands on the listening socket that the owner opened for the server.
    server = subprocess.Popen(  # noqa: S603 - the command is the owner's, not a user's
        command, stdin=subprocess.DEVNULL, stdout=write_end, stderr=write_end, close_fds=False
    )
    os.close(write_end)
    # A service manager signals every process at once; the server ends by itself then, and we follow it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    told = threading.Event()
    threading.Thread(target=stop_when_told, args=(server, grace_seconds, told), daemon=True).start()
    keep_log(read_end, scratch / "log")
    code = server.wait()
    if told.is_set():
        shutil.rmtree(scratch, ignore_errors=True)  # the owner may have exited
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
