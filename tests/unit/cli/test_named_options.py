"""Errors and texts name options that are there: nobody is sent looking for one that a command does not have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cli.command_table import COMMANDS, innermost, loaded
from cli.main import main, option
from models.errors import InvalidRequest

_ROOT: Final = Path(__file__).parents[3]
_FOLDERS: Final = (
    *("api", "cli", "collector", "dashboards", "jobs", "kpis", "models", "reports", "simulator", "sinks"),
    *("storage", "streams", "embedded", "detectors"),
)
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
_COMMAND: Final = re.compile(r"romashka((?: [a-z][a-z-]*)+)([^'\"`\n;:)]*)")


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, one in getattr(command, "commands", {}).items():
        yield from leaves(f"{name} {word}", one)


def flags(command: Any) -> set[str]:
    found = {opt for parameter in command.params for opt in (*parameter.opts, *parameter.secondary_opts)}
    return found | {"--help"}


EVERY: Final = dict(one for name in COMMANDS for one in leaves(name, loaded(name)))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module; what is filled in is a dash of its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def modules() -> Iterator[Path]:
    for folder in _FOLDERS:
        yield from sorted((_ROOT / folder).rglob("*.py"))


def test_texts_that_show_a_command_show_options_that_it_has() -> None:
    wrong = []
    for path in modules():
        for line, text in texts(path):
            for words, rest in _COMMAND.findall(text):
                name, *more = words.split()
                if name not in COMMANDS:
                    continue
                command = innermost(EVERY[name], more)
                missing = set(_OPTION.findall(rest)) - flags(command)
                wrong += [f"{path.relative_to(_ROOT)}:{line}: 'romashka{words}' has no {one}" for one in missing]
    assert wrong == []


def test_errors_of_a_command_name_options_of_its_group() -> None:
    wrong = []
    for path in sorted((_ROOT / "cli/commands").glob("*.py")):
        mine = [one for one in EVERY.values() if _is_of(one, path.stem)]
        known = set().union(*(flags(one) for one in mine))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Raise):
                continue
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and "romashka" not in part.value:
                    wrong += [
                        f"{path.name}:{node.lineno}: {named}"
                        for named in _OPTION.findall(part.value)
                        if mine and named not in known
                    ]
    assert wrong == []


def _is_of(command: Any, module: str) -> bool:
    callback = getattr(command, "callback", None)
    return callback is not None and callback.__module__ == f"cli.commands.{module}"


def fields() -> set[str]:
    """Return the fields that errors of requests name."""
    found = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidRequest" and node.args:
                found |= {one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)}
    return {one for one in found if isinstance(one, str)}


def test_whatever_field_is_wrong_a_command_names_no_option_that_it_does_not_have() -> None:
    named = fields() | {"--until", "--since"}
    assert {"action", "snoozed_until", "from", "recipients"} <= named
    for command in EVERY.values():
        called = {option(field, command) for field in named}
        assert {one for one in called if one.startswith("-")} <= flags(command)


def test_fields_are_called_by_their_options_and_else_in_words() -> None:
    reopen, snooze, get = (EVERY[name] for name in ("insights reopen", "insights snooze", "kpi get"))
    assert option("action", reopen) == "action"
    assert option("note", reopen) == "--note"
    assert option("snoozed_until", snooze) == "--until"
    assert option("snoozed_until", reopen) == "snoozed until"
    assert option("time_range", get) == "--range"
    assert option("id", get) == "key figure"
    assert option("time_zone", None) == "time zone"


def test_the_error_of_a_command_that_ran_names_no_option_that_it_does_not_have(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidRequest("action", "it is open; expected one that is acknowledged, snoozed or resolved")

    monkeypatch.setattr("cli.commands.insight_responses._respond", refuse)
    monkeypatch.setenv("ROMASHKA_DEBUG", "1")  # otherwise it turns off the logging of the process
    monkeypatch.setattr("sys.argv", ["romashka", "insights", "reopen", "3f2a9c1b"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith("error: action: it is open; expected one")
