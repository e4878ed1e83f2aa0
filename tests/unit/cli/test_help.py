from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.command_table import COMMANDS as KNOWN
from cli.command_table import loaded
from cli.main import app

COMMANDS = [
    "demo",
    "embedded",
    "topics",
    "topics grow",
    "migrate",
    "worker",
    "simulate",
    "replay",
    "schema",
    "doctor",
    "init",
    "backtest",
    "kpi explain",
    "mcp",
    "alerts list",
    "alerts backtest",
    "dashboards preview",
    "boards new",
    "boards list",
    "boards check",
    "boards preview",
    "deployments add",
    "deployments list",
    "export",
    "schedule add",
    "schedule list",
    "schedule run",
    "schedule pause",
    "schedule resume",
    "schedule remove",
    "backup create",
    "backup check",
    "backup restore",
    "backup rewind",
    "privacy erase",
    "privacy rekey",
    "privacy retention",
    "audit verify",
    "audit list",
    "collector key add",
    "api key add",
    "api key list",
    "api key revoke",
    "experiment list",
    "experiment show",
    "experiment plan",
    "thresholds list",
    "thresholds show",
    "thresholds propose",
    "thresholds set",
    "thresholds revert",
    "insights list",
    "insights show",
    "jobs list",
    "jobs run",
    "kpi list",
    "kpi show",
    "kpi get",
    "kpi summary",
    "kpi docs",
    "kpi analyse",
    "report generate",
    "report list",
    "report open",
    "tenant settings set",
    "tenant settings list",
    "tenant settings show",
    "access clickhouse",
    "access kafka",
    "access grafana",
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
    assert set(KNOWN) == {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("name", KNOWN)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    assert loaded(name).help.splitlines()[0] == KNOWN[name].about
