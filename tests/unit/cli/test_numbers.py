"""Every option that takes a number with decimals refuses what is no finite number in its range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.command_table import COMMANDS, loaded
from cli.main import app


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for inner, found in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {inner}", found)
    if not hasattr(command, "commands"):
        yield name, command


_OPTIONS = [
    (name, one.opts[0])
    for top in COMMANDS
    for name, found in _commands(top, loaded(top))
    for one in found.params
    if one.type_descriptor.annotation in {float, float | None}
]


def test_there_are_such_options() -> None:
    assert ("simulate", "--rate") in _OPTIONS
    assert len(_OPTIONS) > 8


@pytest.mark.parametrize(("command", "option"), _OPTIONS, ids=lambda one: one)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e308", "ten"])
def test_what_is_no_finite_number_in_range_is_refused(command: str, option: str, text: str) -> None:
    found = CliRunner().invoke(app, [*command.split(), f"{option}={text}"])
    assert found.exit_code == 2, found.output
    assert option in found.output
