"""Runs statements in chDB, each on a connection of its own.

Connections cost a quarter of a millisecond, run in parallel and release the interpreter lock, so a
slow read does not block inserts. Settings, database and query parameters are set on the connection and end with it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from embedded.binding import Connection, Result, open_connection
from embedded.errors import NOT_IMPLEMENTED, UNKNOWN_FORMAT, from_engine, refusal
from embedded.request import HttpQuery
from embedded.statements import ParsedStatement

# chDB hands out a streamed result as pieces that are each complete in their format. Only these formats make a whole
# again when the pieces are joined, and have no totals or extremes, which a stream leaves out.
_STREAMED_FORMATS = frozenset(("Native", "RowBinary", "JSONEachRow"))
_READING = frozenset(("SELECT", "WITH", "FROM"))
_CANNOT_STREAM = "Streaming query is not supported"
_PYTHON_FORMATS = frozenset(("dataframe", "arrowtable", "datastore"))  # chDB's names for Python objects
_TEMPORARY = "TEMPORARY"
_CONFIG_FILE = "romashka.xml"
_BACKUPS = "<clickhouse><backups><allowed_path>{}</allowed_path></backups></clickhouse>\n"

# From this protocol revision on a client expects more in a Native block than chDB writes; see embedded.native. Below
# it only a block header is new, and the one client that asks for so little (clickhouse-connect) does without.
CUSTOM_SERIALIZATION_REVISION = 54454


@dataclass(frozen=True)
class Statistics:
    """Counts of the ``X-ClickHouse-Summary`` header; of a streamed result those of its first piece."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def as_header(self) -> str:
        """Return the JSON that ClickHouse sends: every number as a string."""
        return json.dumps({name: str(value) for name, value in vars(self).items()})


@dataclass(frozen=True)
class EngineAnswer:
    """The result of a statement. The caller must close it.

    Attributes
    ----------
    output_format
        Format of the bytes.
    first
        The result, or its first piece where it is streamed.
    rest
        Returns the next piece, and None at the end; None itself where ``first`` is everything.
    """

    output_format: str
    first: bytes
    statistics: Statistics
    rest: Callable[[], bytes | None] | None = None
    close: Callable[[], None] = field(default=lambda: None)


class Engine:
    """The engine on one data directory, which no other process may use at the same time.

    Parameters
    ----------
    backups
        Folder that BACKUP may write to and RESTORE may read from; ``None``: neither.
    config
        ClickHouse's configuration file instead of the one that allows backups; ``None``: its defaults.

    Raises
    ------
    RuntimeError
        From chDB, when the directory cannot be opened; the reason is on standard error.
    """

    def __init__(self, data_dir: Path, backups: Path | None = None, config: Path | None = None) -> None:
        self._data_dir = str(data_dir)
        if backups is not None and config is None:
            config = data_dir / _CONFIG_FILE
            config.write_text(_BACKUPS.format(escape(str(backups))), encoding="utf-8")
        if config is not None:
            self._data_dir += f"?config-file={config}"
        self._keeper = self._connect()  # the engine runs as long as one connection is open
        self.timezone = self._keeper.query(b"SELECT timezone()", "TSVRaw").bytes().decode().strip()

    def close(self) -> None:
        """Stop the engine, once every running statement has ended."""
        self._keeper.close()

    def execute(self, query: HttpQuery, statement: ParsedStatement, history: Sequence[bytes] = ()) -> EngineAnswer:
        """Run a statement.

        Parameters
        ----------
        history
            Statements of the session to repeat first.

        Raises
        ------
        QueryFailed
            The engine refuses it, or it fails before the first piece.
        """
        if _TEMPORARY in statement.keywords and statement.keywords[0] == "CREATE":
            reason = "The embedded database keeps no temporary tables between requests; create an ordinary one"
            raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
        if query.default_format.lower() in _PYTHON_FORMATS:
            raise refusal(UNKNOWN_FORMAT, "UNKNOWN_FORMAT", f"Unknown format {query.default_format}")
        with ExitStack() as cleanup, _engine_errors():
            connection = self._connect()
            cleanup.callback(connection.close)
            for preparation in (*history, *_preparations(query)):
                connection.query(preparation)
            if statement.data_format is not None:
                return _insert(connection, statement, statement.data_format)
            output_format = statement.output_format or query.default_format
            finish = _finish_for(query, output_format)
            if _can_stream(query, statement, output_format):
                streamed = _stream(connection, query, output_format, finish, cleanup)
                if streamed is not None:
                    return streamed
            result = connection.query(query.text, query.default_format)
            return EngineAnswer(output_format, finish(result.bytes()), _statistics(result))

    def _connect(self) -> Connection:
        return open_connection(self._data_dir)


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, UnicodeDecodeError) as error:
        raise from_engine(error) from error


def _preparations(query: HttpQuery) -> Iterator[bytes]:
    """Yield the statements that put a request's database, parameters and settings on its connection."""
    if query.database:
        yield b"USE `" + _escaped(query.database, "`") + b"`"
    names = {f"param_{name}": value for name, value in query.parameters.items()}
    # The limit comes last: once it holds, no other setting can be changed.
    settings = dict(sorted(query.settings.items(), key=lambda item: item[0] == "readonly"))
    if changes := [name.encode() + b" = '" + _escaped(value, "'") + b"'" for name, value in (names | settings).items()]:
        yield b"SET " + b", ".join(changes)


def _escaped(text: str, quote: str) -> bytes:
    return text.replace("\\", "\\\\").replace(quote, "\\" + quote).encode("utf-8", "surrogateescape")


def _insert(connection: Connection, statement: ParsedStatement, data_format: str) -> EngineAnswer:
    """Insert the data that came with a statement.

    Through a file, because chDB's other interfaces lose rows silently: ``send_insert`` reports success when the
    write fails (too many partitions, a violated constraint, a failing view), and a statement with the data behind it
    is read up to the first blank line only.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(statement.data)
        file.flush()
        source = b" FROM INFILE '" + _escaped(file.name, "'") + b"' COMPRESSION 'none' "
        text = statement.text + source + statement.settings + b" FORMAT " + data_format.encode()
        result = connection.query(text)
    statistics = Statistics(
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )
    return EngineAnswer("TabSeparated", b"", statistics)


def _can_stream(query: HttpQuery, statement: ParsedStatement, output_format: str) -> bool:
    reads = statement.keywords[0] in _READING
    return reads and output_format in _STREAMED_FORMATS and not query.wait_end_of_query


def _stream(
    connection: Connection, query: HttpQuery, output_format: str, finish: Callable[[bytes], bytes], cleanup: ExitStack
) -> EngineAnswer | None:
    """Start a streamed read; None where the engine cannot (``WITH ... INSERT`` begins like a read)."""
    try:
        stream = connection.send_query(query.text, query.default_format)
    except RuntimeError as error:
        if _CANNOT_STREAM in str(error):
            return None
        raise
    cleanup.callback(stream.close)
    first = stream.fetch()
    if first is None:
        return EngineAnswer(output_format, b"", Statistics())

    def rest() -> bytes | None:
        with _engine_errors():
            piece = stream.fetch()
            return None if piece is None else finish(piece.bytes())

    return EngineAnswer(output_format, finish(first.bytes()), _statistics(first), rest, cleanup.pop_all().close)


def _finish_for(query: HttpQuery, output_format: str) -> Callable[[bytes], bytes]:
    """Return the transformation of a piece of the result before it is sent."""
    if output_format == "Native" and query.protocol_revision >= CUSTOM_SERIALIZATION_REVISION:
        # Imported here as it takes a quarter of a second that a start without Grafana need not spend.
        from embedded.native import with_revision  # noqa: PLC0415

        return with_revision
    return lambda piece: piece


def _statistics(result: Result) -> Statistics:
    return Statistics(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        result_rows=result.rows_read(),
        result_bytes=result.bytes_read(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )
