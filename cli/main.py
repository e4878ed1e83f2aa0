"""The ``romashka`` command."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Final

import typer

from cli.command_table import MARKUP, OnDemand
from cli.console import debugging, err, styled
from models.errors import InvalidRequest, RomashkaError
from models.masking import masked

# API field → command line option, where the names differ.
_OPTIONS: Final = {
    "recipients": "--to",
    "time_range": "--range",
    "id": "key figure",
    "name": "name",
    "snoozed_until": "--until",
}

app = typer.Typer(
    name="romashka",
    cls=OnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def romashka() -> None:
    """Integration analytics: from Kafka events to figures in ClickHouse."""


def option(field: str) -> str:
    """Return the command line option of a request's field."""
    return _OPTIONS.get(field, field if field.startswith("--") else f"--{field.replace('_', '-')}")


def main() -> None:
    """Run the command; an error is one line and exit code 1."""
    if not debugging():
        logging.disable()  # libraries raise errors, and some also log them; the worker sets up its own logging
    try:
        app()
    except InvalidRequest as error:
        err.print(styled("[bold red]error:[/] {}: {}", option(error.field), error.message), soft_wrap=True)
        sys.exit(1)
    except RomashkaError as error:
        err.print(styled("[bold red]error:[/] {}", error), soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
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
