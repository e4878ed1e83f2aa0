from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from cli.settings import Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"
LINES = EXAMPLE.read_text().splitlines()
GIVEN = dict(line.split("=", 1) for line in LINES if line and not line.startswith("#"))
NAMES = {f"ROMASHKA_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES & os.environ.keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_example_has_every_setting_and_no_other() -> None:
    assert GIVEN.keys() == NAMES


@pytest.mark.usefixtures("_no_settings")
def test_the_example_used_as_it_is_changes_no_default() -> None:
    defaults = Settings()
    shutil.copy(EXAMPLE, ".env")
    assert Settings() == defaults


def test_every_setting_in_the_example_is_explained_on_the_line_above() -> None:
    unexplained = [
        line for above, line in pairwise(LINES) if line.startswith("ROMASHKA_") and not above.startswith("# ")
    ]
    assert unexplained == []


def test_the_example_holds_no_secret() -> None:
    secret = {f"ROMASHKA_{name.upper()}" for name, field in Settings.model_fields.items() if "Secret" in str(field)}
    assert secret
    assert {GIVEN[name] for name in secret} == {"", "{}"}
