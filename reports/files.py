"""Writes files of reports and exports: complete, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

_ANYBODY: Final = 0o666
PRIVATE: Final = 0o600


@contextmanager
def complete_file(path: Path, mode: int = _ANYBODY) -> Iterator[BinaryIO]:
    """Open a file for writing, which gets its name when it is complete; on an error nothing of it is left.

    What is no regular file (``/dev/stdout``, a pipe) is written to as it is.

    Parameters
    ----------
    mode
        Permissions of the file, less the umask.

    Raises
    ------
    OSError
        It cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as target:  # a folder is refused here
            yield target
        return
    path = path.resolve()  # a link stays one
    # Two processes may share the folder. The name is short: that of the file may be as long as the system allows.
    part = path.with_name(f".{token_hex(8)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
