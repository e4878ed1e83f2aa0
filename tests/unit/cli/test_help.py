from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from cli.command_table import COMMANDS as KNOWN
from cli.command_table import loaded
from cli.main import app


def leaves(name: str, command: Any) -> Iterator[str]:
    """Yield a command, or every command of a group, by the words that call it."""
    inner = getattr(command, "commands", {})
    for word, child in inner.items():
        yield from leaves(f"{name} {word}", child)
    if not inner or getattr(command, "invoke_without_command", False):
        yield name


LEAVES: Final = sorted(leaf for name in KNOWN for leaf in leaves(name, loaded(name)))


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    printed = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).output
    assert "Example: " in printed
    assert f"romashka {command}" in printed


@pytest.mark.parametrize("name", KNOWN)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    assert loaded(name).help.splitlines()[0] == KNOWN[name].about


def test_the_command_says_its_version() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert said.exit_code == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", said.output)
