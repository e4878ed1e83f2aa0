"""The ends of the audit log's chains, published outside the database: who empties the table cannot empty these.

A file of JSON Lines, only ever appended to: keep it on another machine's disk, or have it collected like a log. Without
a file the log line alone says them.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from models.errors import SettingsError
from storage.audit import Head

_LOG: Final = logging.getLogger(__name__)


class HeadsFile:
    """Publishes ends of chains, and reads them again.

    Parameters
    ----------
    path
        The file; made where it is not there. ``None``: they are logged alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def publish(self, head: Head, now: datetime) -> None:
        """Log the end of a chain, and append it to the file.

        Raises
        ------
        SettingsError
            The file cannot be written.
        """
        _LOG.info("audit head writer=%s sequence=%d hash=%s", head.writer, head.sequence, head.hash)
        if self._path is None:
            return
        line = json.dumps({"at": now.astimezone(UTC).isoformat(timespec="seconds"), **head._asdict()})
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")  # one write of a short line: processes that share the file do not mix them
        except OSError as error:
            raise SettingsError(
                f"ROMASHKA_AUDIT_HEADS_FILE: {self._path} cannot be written ({error.strerror})"
            ) from error

    def heads(self) -> list[Head]:
        """Return what was published, the oldest first; nothing where no file is set or none was written.

        Raises
        ------
        SettingsError
            The file cannot be read; names the line.
        """
        if self._path is None or not self._path.exists():
            return []
        found = []
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{self._path} cannot be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                found.append(Head(str(row["writer"]), int(row["sequence"]), str(row["hash"])))
            except (ValueError, KeyError, TypeError) as error:
                raise SettingsError(f"{self._path} line {number} is not the end of a chain: {line[:80]}") from error
        return found
