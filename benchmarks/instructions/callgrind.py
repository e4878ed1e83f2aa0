"""Counts instructions with valgrind's callgrind, which starts to count once a process has imported everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.instructions.paths import EVENTS, NOTHING, READY
from models.errors import RomashkaError

_MODULE: Final = "benchmarks.instructions.paths"
_REPOSITORY: Final = Path(__file__).parents[2]
_SECONDS: Final = 600.0


def missing() -> str | None:
    """Return why instructions cannot be counted here, ``None`` where they can."""
    for program in ("valgrind", "vgdb"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: apt-get install valgrind)"
    return None


def count(names: Sequence[str]) -> dict[str, float]:
    """Return instructions an event of each path.

    Raises
    ------
    RomashkaError
        valgrind failed; has the end of what it said.
    """
    with tempfile.TemporaryDirectory() as scratch, _counting(Path(scratch)) as process:
        counted = {name: process.count(name) for name in (NOTHING, *names)}
    overhead = counted.pop(NOTHING)
    return {name: (instructions - overhead) / EVENTS for name, instructions in counted.items()}


class _Process:
    """A process under callgrind that runs one path at a time."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process = process
        self._scratch = scratch
        self._dumps = 0

    def start(self) -> None:
        self._wait()
        self._tell("instrumentation on")

    def count(self, name: str) -> int:
        """Return the instructions of one run of a path."""
        self._tell("zero")
        if self._process.stdin is None:
            raise AssertionError("it has a pipe")
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        self._wait()
        self._tell("dump")
        self._dumps += 1
        # The first dump is of the time before; each has its number.
        text = max(self._scratch.glob("out.*"), key=lambda file: int(file.suffix[1:])).read_text()
        return int(next(line for line in text.splitlines() if line.startswith("totals:")).split()[1])

    def _wait(self) -> None:
        if self._process.stdout is None:
            raise AssertionError("it has a pipe")
        if self._process.stdout.readline().strip() != READY:
            raise RomashkaError(f"valgrind failed:\n{(self._scratch / 'errors').read_text()[-2_000:]}")

    def _tell(self, command: str) -> None:
        vgdb = ["vgdb", f"--pid={self._process.pid}", f"--vgdb-prefix={self._scratch / 'vgdb'}", *command.split()]
        subprocess.run(vgdb, check=True, capture_output=True, timeout=_SECONDS)


@contextmanager
def _counting(scratch: Path) -> Iterator[_Process]:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={scratch / 'out'}",
        f"--vgdb-prefix={scratch / 'vgdb'}",
        sys.executable,
        "-m",
        _MODULE,
    ]
    environment = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
    with (scratch / "errors").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=_REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True,
        )  # fmt: skip
        try:
            found = _Process(process, scratch)
            found.start()
            yield found
        finally:
            process.kill()
            process.communicate()
