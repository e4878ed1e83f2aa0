"""``make fuzz``: random inputs for as long as told; writes how many there were into docs/reliability.md."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from embedded.database import Database
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress
from tests.fuzz.mutation import Mutator
from tests.fuzz.targets import Target, targets
from tests.marks import between

_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
_NICE: Final = 10


def main(
    minutes: Annotated[float, typer.Option(min=0.01, help="How long, over all targets")] = 20.0,
    seed: Annotated[int, typer.Option(help="Which inputs")] = 1,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into docs/reliability.md")] = False,
) -> None:
    """Try random inputs; ends at the first one that breaks something, with the seed that makes it again.

    Example: `make fuzz ARGS="--minutes 60 --seed 7 --write"`
    """
    logging.disable()
    os.nice(_NICE)
    lines = ["| what | inputs | minutes | broken |", "|---|---:|---:|---:|"]
    total = 0
    with Database() as database:
        address = ClickHouseAddress(database.url, "fuzz")
        migrate(address)
        for name, (target, share) in targets(address).items():
            tried = asyncio.run(tries(target, name, seed, share * minutes * 60))
            total += tried
            lines.append(f"| {name} | {tried:,} | {share * minutes:.1f} | 0 |")
            typer.echo(lines[-1])
    lines += ["", f"{total:,} inputs, seed {seed}, {datetime.now(UTC):%Y-%m-%d}."]
    typer.echo(lines[-1])
    if write:
        between(_DOCUMENT, "make fuzz", "\n".join(lines) + "\n")


async def tries(target: Target, name: str, seed: int, seconds: float) -> int:
    """Run a target for some seconds; return how many inputs it had.

    Raises
    ------
    AssertionError
        An input broke it; names the seed of the round.
    """
    end = time.monotonic() + seconds
    tried, number = 0, 0
    while not tried or time.monotonic() < end:
        round_ = f"{seed}/{name}/{number}"
        try:
            tried += await target(Mutator(round_))
        except Exception as error:
            raise AssertionError(f"{name}: round {round_} broke it: {type(error).__name__}: {error}") from error
        number += 1
    return tried


if __name__ == "__main__":
    typer.run(main)
