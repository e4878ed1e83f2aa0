"""What every command prints with: tables and colour for people, plain lines when piped."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Group:
    """Return a titled table; the columns named in ``right`` are aligned right."""
    made = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for position, column in enumerate(columns):
        number = column in right
        # Numbers and the first column, which says what a row is, stay whole; the others give way on a narrow terminal.
        made.add_column(column, justify="right" if number else "left", no_wrap=number or position == 0)
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return Group(Text(title, style="bold"), made)  # a title of the table's own would wrap at the table's width


class _OneLine(logging.Formatter):
    """Puts an exception at the end of its line; the traceback is for developers (``ROMASHKA_DEBUG=1``)."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback, or nothing."""
        return super().formatException(ei) if debugging() else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one line."""
        line = super().format(record).rstrip()
        if record.exc_info and record.exc_info[1] is not None and not debugging():
            line += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        return line


def debugging() -> bool:
    """Whether a developer asked for everything."""
    return os.environ.get("ROMASHKA_DEBUG") == "1"


def log_to_stderr() -> None:
    """Send logs to stderr, one line each. Libraries whose failures we report ourselves speak in debugging only."""
    logging.disable(logging.NOTSET)
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s"))
    logging.basicConfig(level=logging.INFO if debugging() else logging.WARNING, handlers=[handler], force=True)
    for name in ("streams", "sinks", "reports", "cli", "embedded"):
        logging.getLogger(name).setLevel(logging.DEBUG if debugging() else logging.INFO)
    if not debugging():
        for name in ("faust", "mode", "aiokafka", "clickhouse_connect", "urllib3", "apprise"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        for name in ("streams.app", "streams.transport"):  # Faust logs its services under the module of their class
            logging.getLogger(name).setLevel(logging.WARNING)
