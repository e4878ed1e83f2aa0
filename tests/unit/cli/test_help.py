from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.main import app

COMMANDS = [
    "demo",
    "embedded",
    "topics",
    "migrate",
    "worker",
    "simulate",
    "replay",
    "schema",
    "doctor",
    "kpi summary",
    "dead-letters list",
    "dead-letters show",
    "dead-letters replay",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    printed = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).output
    assert "Example: " in printed
    assert f"romashka {command}" in printed


def test_no_command_is_missing_from_this_list() -> None:
    known = {name for name in COMMANDS if " " not in name} | {name.split()[0] for name in COMMANDS}
    registered = {info.name for info in app.registered_commands} | {group.name for group in app.registered_groups}
    assert registered == known
