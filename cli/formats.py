"""Machine-readable output of commands: no wrapping, no colours, times with offset, exact amounts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cli.console import visible
from models.errors import SettingsError

FileFormat = TypeVar("FileFormat", bound=StrEnum)


class OutputFormat(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Printed = Annotated[OutputFormat, typer.Option("--format", help="Output format")]


def format_of_file(target: Path | str | None, given: FileFormat | None, default: FileFormat) -> FileFormat:
    """Return the format of a file: the one that is given, or that of the file's suffix, in any case.

    Raises
    ------
    SettingsError
        The suffix is none of a format, or of another one than is given.
    """
    formats = type(default)
    suffix = "" if target is None else Path(target).suffix.removeprefix(".").lower()
    if not suffix:
        return given or default
    accepted = ", ".join(f".{one}" for one in formats)
    if suffix not in set(formats):
        raise SettingsError(f"--out ends in .{suffix}, which is no format that can be written; expected {accepted}")
    if given is not None and given != suffix:
        raise SettingsError(f"--out ends in .{suffix}, but the format is {given}; make them the same: {accepted}")
    return formats(suffix)


def print_rows(rows: Sequence[Mapping[str, Any]], format_: OutputFormat, columns: Sequence[str] = ()) -> None:
    """Print a JSON array of objects, or CSV with a heading: that of ``columns`` where there is no row.

    Control characters are escapes in both: this may be a terminal.
    """
    plain = [{name: _plain(cell) for name, cell in row.items()} for row in rows]
    if format_ is OutputFormat.JSON:
        typer.echo(json.dumps(plain, indent=2))
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(plain[0]) if plain else columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(_joined(cell)) for name, cell in row.items()} for row in plain)
    typer.echo(text.getvalue(), nl=False)


def _plain(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).isoformat()
    # Amounts and ids as text: JSON has no decimals, and a float would round.
    return cell if cell is None or isinstance(cell, str | bool | int | float | list | tuple | dict) else str(cell)


def _harmless(cell: Any) -> Any:
    return visible(cell) if isinstance(cell, str) else cell


def _joined(cell: Any) -> Any:
    return " | ".join(map(str, cell)) if isinstance(cell, list | tuple) else cell
