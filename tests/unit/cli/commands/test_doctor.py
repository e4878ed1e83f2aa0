"""``romashka doctor``: what its marks say."""

from __future__ import annotations

import pytest
import typer

from cli.commands import doctor
from cli.settings import Settings
from models.errors import RomashkaError


def _run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *checks: doctor.Check) -> list[str]:
    monkeypatch.setattr(doctor, "CHECKS", checks)
    monkeypatch.setattr(doctor, "settings", lambda: None)
    doctor.run()
    return capsys.readouterr().out.splitlines()


def test_a_reader_that_is_not_compiled_is_a_warning_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (reader,) = (one for one in doctor.CHECKS if one.about == "Reader")
    monkeypatch.setattr(doctor, "IS_COMPILED", True)
    assert _run(monkeypatch, capsys, reader)[1].startswith("✔ Reader: batches of messages")
    monkeypatch.setattr(doctor, "IS_COMPILED", False)
    assert _run(monkeypatch, capsys, reader)[1].startswith("! Reader: streams/json_columns.c was not compiled")


def test_a_failure_is_marked_and_ends_in_an_error_after_the_other_checks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Settings) -> str:
        raise RomashkaError("look here")

    checks = (doctor.Check("First", fails), doctor.Check("Second", lambda _: "fine"))
    with pytest.raises(typer.Exit):
        _run(monkeypatch, capsys, *checks)
    assert capsys.readouterr().out.splitlines()[1:] == ["✘ First: look here", "✔ Second: fine"]
