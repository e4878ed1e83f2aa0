"""``make bench-instructions``: instructions an event of the hot paths; ``--check`` compares them with the baseline."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from benchmarks.instructions import baseline, callgrind
from benchmarks.instructions.paths import PATHS
from models.errors import RomashkaError


def main(
    check: Annotated[bool, typer.Option("--check", help="Fail where a path takes much more than its baseline")] = False,
    write: Annotated[bool, typer.Option("--write", help="Make the counts the new baseline")] = False,
) -> None:
    """Count the instructions of the record reader, windows, minute series, Arrow columns and the tracker.

    Example: `make bench-instructions ARGS="--check"`
    """
    known = baseline.read()
    reason = callgrind.missing()
    if reason is None and check and known.python != baseline.python_version():
        reason = f"the baseline is of Python {known.python}, this is {baseline.python_version()}"
    if reason is not None:
        typer.echo(f"Instructions are not counted: {reason}.")
        return
    counted = callgrind.count(PATHS)
    for name, one in counted.items():
        before = known.instructions.get(name)
        typer.echo(
            f"{name:26}{one:10,.0f} instructions an event"
            + (f"  {one / before:5.2f} times the baseline" if before else "")
        )
    if write:
        baseline.write(counted)
    if check:
        try:
            baseline.check(counted, known.instructions)
        except RomashkaError as error:
            typer.echo(str(error), err=True)
            sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
