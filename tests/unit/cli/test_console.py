"""Nothing that is printed is markup or a control sequence, wherever the text came from."""

from __future__ import annotations

import ast
import csv
import io
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from cli import console, main
from cli.console import PlainConsole, styled, table, visible
from cli.formats import OutputFormat, print_rows

CLI: Final = Path(console.__file__).parent
HOSTILE: Final = (
    "[/x]",
    "[bold]",
    "\x1b[2J",
    "\x9b31m",
    "\x1b]0;title\x07",
    ":smile:",
    "a\rb",
    "\u202eevil",
    "\\[/]",
    "\\",
)
CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TEXTS: Final = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.characters(exclude_categories=()), st.text(max_size=5)), max_size=5
).map("".join)


def printed(*objects: object) -> str:
    to = PlainConsole(file=io.StringIO(), width=4000)
    to.print(*objects)
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


@settings(max_examples=80)
@given(cells=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), title=TEXTS)
@example(cells=[(one, one) for one in HOSTILE], title="[/x]\x1b[2J")
def test_a_table_shows_every_text_as_it_is_and_each_row_in_one_line(cells: list[tuple[str, str]], title: str) -> None:
    lines = printed(table(title, ("[b]name", "what"), cells)).split("\n")
    assert not CONTROLS.search("".join(lines))
    assert [line.strip() for line in lines if line.strip()][0 if title.strip() else -1 :]
    assert sum("[b]name" in line for line in lines) >= 1
    shown = [visible(cell, one_line=True).strip() for row in cells for cell in row]
    assert all(one in "\n".join(lines) for one in shown)


@settings(max_examples=80)
@given(text=TEXTS)
@example(text="[/x]")
@example(text="\\")
def test_a_value_in_a_template_of_ours_is_text(text: str) -> None:
    made = styled("[bold red]error:[/] {} [dim]({})[/]", text, text)
    assert made.plain == f"error: {visible(text)} ({visible(text)})"
    assert [made.plain[span.start : span.end] for span in made.spans] == ["error:", f"({visible(text)})"]
    assert not CONTROLS.search(printed(made))


@settings(max_examples=80)
@given(text=TEXTS)
@example(text="[/x]")
def test_a_line_that_is_printed_is_text(text: str) -> None:
    assert not CONTROLS.search(printed(text))
    if "\t" not in text:
        assert visible(text, one_line=True) in printed(visible(text, one_line=True))
    assert not CONTROLS.search(printed(Text(text)))


@settings(max_examples=40)
@given(text=TEXTS)
def test_rows_for_programs_hold_no_control_characters_either(text: str) -> None:
    assert not CONTROLS.search(echoed([{"label": text}], OutputFormat.CSV))
    assert not CONTROLS.search(echoed([{"label": text}], OutputFormat.JSON))
    assert list(csv.reader(io.StringIO(echoed([{"label": "two\nlines"}], OutputFormat.CSV))))[1:] == [["two\nlines"]]


def echoed(rows: Sequence[Mapping[str, str]], format_: OutputFormat) -> str:
    to = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.formats.typer.echo", lambda one, nl=True: to.write(one))
        print_rows(rows, format_)
    return to.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_the_log_is_one_line_of_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROMASHKA_DEBUG", raising=False)
    record = logging.LogRecord("api", logging.WARNING, "", 0, "from %s\n2026 forged", (text,), None)
    line = console._OneLine("%(message)s").format(record)
    assert "\n" not in line
    assert not CONTROLS.search(line)


@pytest.mark.parametrize(
    "arguments",
    [
        ["kpi", "show", "[/x]"],
        ["kpi", "show", "\x1b[2J"],
        ["kpi", "get", "csat", "--by", "[bold]"],
        ["kpi", "analyse", "[/x]"],
        ["kpi", "get", "csat", "--from", "[/x]"],
        ["[/x]"],
        ["kpi", "[/x]"],
        ["schedule", "add", "x", "--tenant", "[/x]", "--cron", "* * * * *", "--to", "mailto:a@b.c"],
    ],
)
def test_what_was_typed_wrong_is_said_back_as_text(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["romashka", *arguments])
    monkeypatch.setattr(logging, "disable", lambda: None)  # for this process it would last
    monkeypatch.setattr(console.err, "_width", 300)
    monkeypatch.delenv("ROMASHKA_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        main.main()
    said = capsys.readouterr().err
    assert ended.value.code in {1, 2}, said
    hostile = next(one for one in arguments if one.startswith(("[", "\x1b")))
    assert visible(hostile) in said
    assert not CONTROLS.search(said)


def test_no_command_prints_markup_but_through_a_template() -> None:
    """A string with ``[/]`` in it is only given to ``styled``; and everybody prints with the consoles made here."""
    wrong = []
    for path in sorted(CLI.glob("**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [part.value for one in node.args for part in ast.walk(one) if isinstance(part, ast.Constant)]
            if called == "print" and any(isinstance(text, str) and "[/]" in text for text in texts):
                inner = [part for one in node.args for part in ast.walk(one) if isinstance(part, ast.Call)]
                if not any(_name(part) == "styled" for part in inner):
                    wrong.append(f"{path.name}:{node.lineno}")
            if called == "Console":
                wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_any_console_shows_our_tables_as_text() -> None:
    """Cells are text by themselves, not because of who prints them."""
    to = Console(file=io.StringIO(), width=200)
    to.print(table("[/x]", ("a",), [("[/x]",)]))
    assert isinstance(to.file, io.StringIO)
    assert to.file.getvalue().count("[/x]") == 2


_ID: Final = "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"
_ROW: Final = ("key", "analyst", _ID, "words that fill the line, and more of them, and more of them")


def test_a_pipe_has_whole_values_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    to = PlainConsole(file=io.StringIO())
    to.print(table("Keys", ("id", "role", "tenant", "label"), [_ROW]))
    assert isinstance(to.file, io.StringIO)
    (line,) = [line for line in to.file.getvalue().splitlines() if _ID in line]
    assert line.split("  ")[-1].strip() == _ROW[-1]
    assert all(line == line.rstrip() or len(line) < 200 for line in to.file.getvalue().splitlines())


@pytest.mark.parametrize("columns", ["0", "40"])
def test_a_narrow_terminal_loses_nothing_of_a_value(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    to = PlainConsole(file=io.StringIO(), force_terminal=True, color_system=None)
    to.print(table("Keys", ("id", "role", "tenant", "label"), [_ROW]))
    assert isinstance(to.file, io.StringIO)
    shown = to.file.getvalue()
    assert "key" in shown
    assert "\u2026" not in shown
