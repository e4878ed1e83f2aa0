"""Console output: tables and colours in a terminal, plain lines when piped.

External text (labels, names, error messages, log lines) is never parsed as markup, and control characters are shown as
escapes. Colour comes from our own templates (``styled``) or from styles.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from pythonjsonlogger.json import JsonFormatter
from rich import box
from rich.console import Console, ConsoleDimensions, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from models.masking import masked

# C0 and C1 controls, and what turns the direction of text or breaks lines in Unicode; a tab and a line's end are kept.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_IN_A_CELL: Final = re.compile(f"[\t\n{_CONTROLS.pattern[1:]}")
_ANY_WIDTH: Final = 100_000
# Placeholder of a value while the template's markup is parsed.
_PLACE: Final = "\ue000"


def visible(text: object, *, one_line: bool = False) -> str:
    r"""Return text without passwords in which nothing steers a terminal: an escape character becomes ``\x1b``.

    Parameters
    ----------
    text
        Any object; converted by ``str``.
    one_line
        Whether tabs and line ends are shown as escapes too, as in a cell of a table.
    """
    return (_IN_A_CELL if one_line else _CONTROLS).sub(_escaped, masked(str(text)))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\t\n\r":
        return repr(found[0])[1:-1]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def styled(template: str, *values: object) -> Text:
    """Return our own markup with a value for each ``{}``; values are plain text."""
    marked = Text.from_markup(template.replace("{}", _PLACE), emoji=False)
    places = [at for at, character in enumerate(marked.plain) if character == _PLACE]
    texts = [visible(value) for value in values]

    def moved(at: int) -> int:
        return at + sum(len(text) - 1 for place, text in zip(places, texts, strict=True) if place < at)

    parts = marked.plain.split(_PLACE)
    made = Text(parts[0] + "".join(text + part for text, part in zip(texts, parts[1:], strict=True)))
    for span in marked.spans:
        made.stylize(span.style, moved(span.start), moved(span.end))
    return made


class PlainConsole(Console):
    """A console without markup and emoji codes in text, and without control characters except its own styles."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, **options})
        if self._width is not None and self._width < 1:
            self._width = None  # COLUMNS=0, as of a terminal whose size is not known: nothing would be shown

    @property
    def size(self) -> ConsoleDimensions:
        """The size of the terminal; a pipe or a file has room for any line, so that programs find whole values."""
        found = super().size
        if self.is_terminal or self._width is not None:
            return found
        return ConsoleDimensions(_ANY_WIDTH, found.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, without the passwords of addresses: before lines are wrapped, which might cut one in two."""
        super().print(*(masked(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments to write, with control characters escaped."""
        for segment in super().render(renderable, options):
            if segment.control or not _CONTROLS.search(segment.text):
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)


def cell(value: object) -> Text:
    """Return a table cell: one line of text, unless it is styled already."""
    return value if isinstance(value, Text) else Text(visible(value, one_line=True))


out = PlainConsole()
err = PlainConsole(stderr=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Group:
    """Return a titled table of text; the columns named in ``right`` are aligned right."""
    made = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for position, column in enumerate(columns):
        number = column in right
        # Numbers and the first column do not wrap; other columns shrink on a narrow terminal.
        # A word that does not fit goes on in the next line: an id that is cut is of no use.
        made.add_column(
            cell(column), justify="right" if number else "left", no_wrap=number or position == 0, overflow="fold"
        )
    for row in rows:
        made.add_row(*map(cell, row))
    heading = Text(visible(title, one_line=True), style="bold")
    return Group(heading, made)  # a title of the table's own would wrap at the table's width


class _OneLine(logging.Formatter):
    """Formats an exception on the line of its message; the traceback only with ``ROMASHKA_DEBUG=1``."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback, or an empty text."""
        return super().formatException(ei) if debugging() else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one line, with control characters and line breaks escaped."""
        line = super().format(record).rstrip()
        if debugging():
            return visible(line)
        if record.exc_info and record.exc_info[1] is not None:
            line += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        return visible(line, one_line=True)


class _OneObject(JsonFormatter):
    """One JSON object per line, for log collectors; tracebacks as in ``_OneLine``."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(process)d %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "error"},
            timestamp=True,
        )

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback, or the exception in one line."""
        if debugging():
            return "".join(super().formatException(ei))
        return f"{type(ei[1]).__name__}: {ei[1]}"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as an object without the passwords of addresses."""
        return masked(super().format(record))


def debugging() -> bool:
    """Whether debug output is on."""
    return os.environ.get("ROMASHKA_DEBUG") == "1"


def log_to_stderr(form: Literal["text", "json"] = "text") -> None:
    """Send logs to stderr, a line or a JSON object each.

    Libraries whose failures we report ourselves log in debug mode only.
    """
    logging.disable(logging.NOTSET)
    handler = logging.StreamHandler()
    text = _OneLine("%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s")
    handler.setFormatter(_OneObject() if form == "json" else text)
    logging.basicConfig(level=logging.INFO if debugging() else logging.WARNING, handlers=[handler], force=True)
    for name in ("streams", "sinks", "reports", "cli", "embedded"):
        logging.getLogger(name).setLevel(logging.DEBUG if debugging() else logging.INFO)
    if not debugging():
        for name in ("faust", "mode", "aiokafka", "clickhouse_connect", "urllib3", "apprise", "opentelemetry"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        for name in ("streams.app", "streams.transport"):  # Faust logs its services under the module of their class
            logging.getLogger(name).setLevel(logging.WARNING)
