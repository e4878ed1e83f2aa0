"""Publishes the heads of the audit log's chains outside the database, where they survive a change of the table.

A file of JSON Lines, only ever appended to: keep it on another machine, or collect it like a log. Without a file the
heads are only logged.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from models.errors import SettingsError
from storage.audit import Head

log = logging.getLogger(__name__)


class HeadsFile:
    """Publishes ends of chains, and reads them again.

    Parameters
    ----------
    path
        The file; created if missing. ``None``: heads are only logged.
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
        log.info("audit head writer=%s sequence=%d hash=%s", head.writer, head.sequence, head.hash)
        if self._path is None:
            return
        line = json.dumps({"at": now.astimezone(UTC).isoformat(timespec="seconds"), **head._asdict()})
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")  # one write of a short line: atomic between processes that share the file
        except OSError as error:
            raise SettingsError(
                f"ROMASHKA_AUDIT_HEADS_FILE: {self._path} cannot be written ({error.strerror})"
            ) from error

    def heads(self) -> list[Head]:
        """Return the published heads, oldest first; empty without a file.

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
