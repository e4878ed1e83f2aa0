"""Every option that takes a time reads it on the clocks of the time zone that is chosen."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from cli.arguments import DAY, MOMENT
from cli.command_table import COMMANDS, loaded
from cli.main import app
from models.errors import SettingsError

# What an option is called, or says of itself, that takes a time or a day.
_NAMES: Final = re.compile(
    r"--(from|to|at|on|since|until|before|after|start|end|when|date|day|time|not-before|expires)\b(?!-)"
)
_SAYS: Final = re.compile(r"ISO-8601|this time|this day|2026-\d\d", re.ASCII)
# They are called so and take something else: where to send, a column, a page's end.
_OTHERWISE: Final = {("schedule add", "--to"), ("backtest", "--time")}
_SPECIMENS: Final = {
    "backtest": ["--tenant", "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01", "--provider", "hubspot"],
    "deployments add": ["assistant", "1"],
    "export": ["queries", "--tenant", "all", "--out", "-"],
    "experiment show": ["shopify_data"],
    "insights snooze": ["0a6f7d52"],
    "kpi get": ["query_count"],
    "kpi explain": ["query_count"],
    "kpi analyse": ["gaps", "--tenant", "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"],
}


def _commands() -> Iterator[tuple[str, Any]]:
    def within(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        for inner, found in getattr(command, "commands", {}).items():
            yield from within(f"{name} {inner}", found)
        if not hasattr(command, "commands"):
            yield name, command

    for name in COMMANDS:
        yield from within(name, loaded(name))


def _options(metavar: str) -> list[tuple[str, str]]:
    return [(name, one.opts[0]) for name, found in _commands() for one in found.params if one.metavar == metavar]


def test_the_options_that_take_a_time_are_these() -> None:
    """A new one is found by its name or its help, and then has to be one of ours."""
    looking = {
        (name, one.opts[0])
        for name, found in _commands()
        for one in found.params
        if one.opts
        and (_NAMES.fullmatch(one.opts[0]) or _SAYS.search(one.help or ""))
        and not (one.opts[0] == "--after" and "page" in one.help)
    }
    ours = {*_options(MOMENT), *_options(DAY)}
    assert looking - _OTHERWISE == ours
    assert len(ours) > 12


def test_every_command_that_takes_a_time_takes_the_zone_of_its_clocks() -> None:
    zones = {name for name, found in _commands() for one in found.params if "--time-zone" in one.opts}
    assert {name for name, _ in _options(MOMENT)} <= zones


@pytest.mark.parametrize(("command", "option"), _options(MOMENT), ids=lambda one: one)
def test_a_time_is_read_in_the_zone_or_refused(command: str, option: str) -> None:
    """What cannot be read, is of no event, or is in a zone that does not exist is refused before anything is asked."""

    def said(text: str, zone: str) -> str:
        arguments = [*command.split(), *_SPECIMENS.get(command, []), option, text, "--time-zone", zone]
        found = CliRunner().invoke(app, arguments).exception
        assert isinstance(found, SettingsError), found
        return str(found)

    assert f"{option} is 'yesterday'" in said("yesterday", "Asia/Kathmandu")
    assert "expected a time of the years 2000 to 2099" in said("1970-01-01", "Asia/Kathmandu")
    assert "no time zone 'right/Europe/Berlin'" in said("2026-11-01", "right/Europe/Berlin")


def test_commands_read_times_by_nothing_else() -> None:
    """None has a reader of its own that might forget the zone; ``moment`` has no default for it."""
    found = [
        f"{path}:{node.lineno}"
        for path in Path("cli/commands").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"fromisoformat", "strptime", "combine", "isoparse"}
    ]
    assert found == []
