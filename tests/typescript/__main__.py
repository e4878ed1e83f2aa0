"""Runs the tests of the TypeScript tracker; says why where it cannot.

``--apache`` runs them on Apache Kafka, started from its Maven artifacts; ``--volume`` runs the long ones instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from models.errors import RomashkaError
from tests.kafka import artifacts

_PACKAGE = Path(__file__).parents[2] / "tracker" / "typescript"
_EXAMPLE = Path(__file__).parents[2] / "examples" / "chat-ts"
_NODE = (20, 19, 4)


def main(arguments: Sequence[str]) -> int:
    """Check the generated types, build and test; returns the exit code, 0 where the tests are skipped."""
    missing = missing_node() or (artifacts.missing_tool() if "--apache" in arguments else None)
    if missing is not None:
        typer.echo(f"TypeScript tests skipped: {missing}.")
        return 0
    env = {**os.environ, "ROMASHKA_PYTHON": sys.executable}
    if "--apache" in arguments:
        try:
            artifacts.classpath()
        except RomashkaError as error:
            typer.echo(f"TypeScript tests failed: {error}", err=True)
            return 1
        env["ROMASHKA_TEST_BROKER"] = "apache"
    if "--volume" in arguments:
        return _npm(_PACKAGE, env, "ci", "run check", "run test:volume")
    return _npm(_PACKAGE, env, "ci", "run check", "test") or _npm(_EXAMPLE, env, "ci", "test")


def missing_node() -> str | None:
    """Say what the tests need that is not on this machine; None where all is."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node and npm are not installed"
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60, check=False)
    version = node_version(answer.stdout)
    if version is None or version < _NODE:
        needed = ".".join(map(str, _NODE))
        return f"Node {needed} or newer is needed, and this is {answer.stdout.strip() or 'unknown'}"
    return None


def node_version(text: str) -> tuple[int, ...] | None:
    """Read what ``node --version`` prints; None where it is no version."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", text.strip())
    return None if found is None else tuple(map(int, found.groups()))


def _npm(folder: Path, env: dict[str, str], *commands: str) -> int:
    """Run commands of npm until one fails; return its exit code."""
    for command in commands:
        if code := subprocess.run(["npm", *command.split(), "--silent"], cwd=folder, env=env, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
