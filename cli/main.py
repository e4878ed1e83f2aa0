"""The ``romashka`` command."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any, Final, cast

import typer

from cli.command_table import MARKUP, OnDemand, running
from cli.console import debugging, err, styled
from models.errors import InvalidRequest, RomashkaError, SettingsError
from models.masking import masked

_PACKAGE: Final = "romashka-integration-analytics"
# API field → command line option, where the names differ.
_OPTIONS: Final = {
    "recipients": "--to",
    "time_range": "--range",
    "snoozed_until": "--until",
}
_WORDS: Final = {"id": "key figure"}
"""API field → what it is called where the command has no such option."""

app = typer.Typer(
    name="romashka",
    cls=OnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version(_PACKAGE))
        raise typer.Exit


@app.callback()
def romashka(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit")
    ] = False,
) -> None:
    """Integration analytics: from Kafka events to figures in ClickHouse."""


def option(field: str, command: Any) -> str:
    """Return what a request's field is called on the command line.

    That is the option of the command that ran, where it has one of that name, else the field in words: an option that
    is not there would send people looking for it.
    """
    spelled = _OPTIONS.get(field, field if field.startswith("--") else f"--{field.replace('_', '-')}")
    if any(spelled in parameter.opts for parameter in getattr(command, "params", ())):
        return spelled
    return _WORDS.get(field, field.removeprefix("--").replace("-", " ").replace("_", " "))


def _check_arguments() -> None:
    """Refuse bytes that are no text: whatever they are for, they cannot be stored, compared or shown."""
    for at, argument in enumerate(sys.argv[1:], 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise SettingsError(
                f"argument {at} ({argument}) is not text in {sys.getfilesystemencoding()}; write it in UTF-8, and set "
                "a locale of UTF-8, for example LC_ALL=C.UTF-8"
            ) from None


def _told(error: OSError) -> str:
    """Return what failed at a file or a stream, and what to do."""
    reason = error.strerror or type(error).__name__
    if error.filename is None:
        return f"the output cannot be written ({reason}); make room, or write it elsewhere"
    return f"{error.filename}: {reason}; check that it is there and that you may read or write it"


def main() -> None:
    """Run the command; an error is one line and exit code 1."""
    if sys.stdout is not None:  # a terminal without a sign of ours, for example of Windows or of ISO 8859-1
        cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    # Before Arrow is loaded: its own allocators keep what a burst took (docs/adr/0062-memory-of-a-worker.md).
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if not debugging():
        logging.disable()  # libraries raise errors, and some also log them; the worker sets up its own logging
    try:
        _check_arguments()
        app()
    except InvalidRequest as error:
        err.print(styled("[bold red]error:[/] {}: {}", option(error.field, running()), error.message), soft_wrap=True)
        sys.exit(1)
    except RomashkaError as error:
        err.print(styled("[bold red]error:[/] {}", error), soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if debugging():
            sys.stderr.write(masked(traceback.format_exc()))
        err.print(styled("[bold red]error:[/] {}", _told(error)), soft_wrap=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the outermost frame: one line for users, the traceback in debug mode
        if debugging():
            sys.stderr.write(masked(traceback.format_exc()))
        err.print(
            styled("[bold red]unexpected error:[/] {}: {}\n", type(error).__name__, error)
            + "This is a bug. Run the command again with ROMASHKA_DEBUG=1 and report what it prints.",
            soft_wrap=True,
        )
        sys.exit(70)


if __name__ == "__main__":
    main()
