"""The part of chDB's Python binding that is used here, with types."""

from __future__ import annotations

from typing import Protocol, cast

# From its own module: two wheels ship a chdb/__init__.py, and only one of them, whichever was unpacked last, is typed.
from chdb.state import connect


class Result(Protocol):
    """A result, or one piece of a streamed one."""

    def bytes(self) -> bytes:
        """Return the rows in the output format."""

    def rows_read(self) -> int:
        """Return the number of rows of the result, in spite of the name."""

    def bytes_read(self) -> int:
        """Return the size of the result."""

    def storage_rows_read(self) -> int:
        """Return the number of rows read from tables."""

    def storage_bytes_read(self) -> int:
        """Return the number of bytes read from tables."""

    def rows_written(self) -> int:
        """Return the number of rows written, materialized views included."""

    def bytes_written(self) -> int:
        """Return the number of bytes written."""

    def elapsed(self) -> float:
        """Return the seconds spent."""


class Stream(Protocol):
    """A result that is computed as it is fetched."""

    def fetch(self) -> Result | None:
        """Return the next piece; None at the end."""

    def close(self) -> None:
        """End the statement if it still runs."""


class Connection(Protocol):
    """One connection: its own current database, settings and query parameters. One statement at a time."""

    def query(self, query: bytes, format: str = "CSV") -> Result:  # noqa: A002 - chDB's name
        """Run a statement to its end."""

    def send_query(self, query: bytes, format: str = "CSV") -> Stream:  # noqa: A002 - chDB's name
        """Start a SELECT."""

    def close(self) -> None:
        """Close it, and stop the engine if it was the last."""


def open_connection(data_dir: str) -> Connection:
    """Open one more connection to the engine on a data directory, and start the engine with the first one."""
    return cast(Connection, connect(data_dir))  # annotated for str only, but it takes bytes
