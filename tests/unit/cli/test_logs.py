"""Logs are one line each, for people or for collectors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from cli.console import log_to_stderr


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Leave the test's process with the handlers and levels that it had."""
    loggers = logging.root.manager.loggerDict.values()
    levels = {one: one.level for one in loggers if isinstance(one, logging.Logger)}
    root, handlers, disabled = logging.root.level, list(logging.root.handlers), logging.root.manager.disable
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(root)
    logging.disable(disabled)
    for one in logging.root.manager.loggerDict.values():
        if isinstance(one, logging.Logger):
            one.setLevel(levels.get(one, logging.NOTSET))


def _fail() -> None:
    raise ValueError("no such table")


def _say() -> None:
    log = logging.getLogger("streams.example")
    log.info("wrote %d rows\nin two lines", 3, extra={"table": "dead_letters"})
    try:
        _fail()
    except ValueError:
        log.exception("an insert failed")


def test_json_is_an_object_a_line_with_time_level_and_what_was_raised(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("json")
    _say()
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo is not None
    assert isinstance(first.pop("process"), int)
    assert first == {
        "level": "INFO",
        "logger": "streams.example",
        "message": "wrote 3 rows\nin two lines",
        "table": "dead_letters",
    }
    assert (second["level"], second["message"]) == ("ERROR", "an insert failed")
    assert second["error"] == "ValueError: no such table"


def test_a_developer_gets_the_traceback_within_the_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROMASHKA_DEBUG", "1")
    log_to_stderr("json")
    _say()
    *_, last = capsys.readouterr().err.splitlines()
    assert "Traceback" in json.loads(last)["error"]


def test_text_stays_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    _say()
    assert capsys.readouterr().err.rstrip().endswith("an insert failed (ValueError: no such table)")
