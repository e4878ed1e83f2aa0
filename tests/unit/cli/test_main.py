"""The command as a process: what is set up before libraries are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = (
    "import sys; import cli.main; assert 'pyarrow' not in sys.modules; sys.argv = ['romashka', '--version']\n"
    "try: cli.main.main()\n"
    "except SystemExit: pass\n"
    "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
)


def _allocator(more: Mapping[str, str]) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**inherited, **more}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def test_arrow_allocates_from_the_system_unless_told_otherwise() -> None:
    assert _allocator({}) == "system"
    assert _allocator({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}) == "mimalloc"


def _run(*arguments: str | bytes, more: Mapping[str, str | bytes] | None = None, **streams: Any) -> Any:
    given = {"ROMASHKA_CLICKHOUSE_URL": "http://127.0.0.1:1", "PYTHONUTF8": "0"} | dict(more or {})
    environment = {os.fsencode(name): os.fsencode(value) for name, value in {**os.environ, **given}.items()}
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=False, **streams)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_a_sign_gets_its_escape(encoding: str) -> None:
    """A sign that the terminal's encoding has not ended the command as a bug of ours."""
    program = (
        "import cli.main, cli.console; cli.main.app = lambda: cli.console.out.print('\u2714 caf\xe9'); cli.main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(rb"\u2714 caf")


def test_an_argument_that_is_no_text_is_refused_by_its_place() -> None:
    done = _run("kpi", "get", "csat", "--provider", b"\xff", stdout=subprocess.PIPE)
    assert done.returncode == 1
    assert b"error: argument 5" in done.stderr
    assert b"bug" not in done.stderr


def test_a_setting_that_is_no_text_is_refused_by_its_name() -> None:
    done = _run("kpi", "get", "csat", more={"ROMASHKA_CLICKHOUSE_PASSWORD": b"s3cret\xff"}, stdout=subprocess.PIPE)
    assert done.returncode == 1
    assert b"ROMASHKA_CLICKHOUSE_PASSWORD is not usable: expected text in UTF-8" in done.stderr
    assert b"s3cret" not in done.stderr


def test_output_that_cannot_be_written_is_no_bug() -> None:
    with Path("/dev/full").open("wb") as full:
        done = _run("kpi", "list", stdout=full)
    assert done.returncode == 1
    assert b"error: the output cannot be written (No space left on device)" in done.stderr


def test_a_file_that_cannot_be_written_is_told_before_anything_is_published() -> None:
    done = _run("simulate", "--days", "1", "--truth", "/nonexistent/truth.json", stdout=subprocess.PIPE)
    assert done.returncode == 1
    assert b"error: /nonexistent/truth.json: No such file or directory" in done.stderr


def test_an_export_to_an_output_that_is_closed_is_refused() -> None:
    command = f"exec {sys.executable} -m cli.main export csat --tenant all --out - >&-"
    done = subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"standard output is closed" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [("--provider", "HubSpot", b"for example hubspot"), ("--country", "de", b"for example DE")],
)
def test_a_filter_that_no_event_can_match_is_refused(option: str, value: str, expected: bytes) -> None:
    """The answer was that there is no data."""
    done = _run("kpi", "get", "csat", option, value, stdout=subprocess.PIPE, more={"COLUMNS": "200"})
    assert done.returncode == 2
    assert expected in done.stderr
