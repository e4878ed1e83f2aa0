from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import dashboards
from dashboards.files import FOLDER, drifted, generated, write
from models.errors import RomashkaError


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The checked-in files, to be spoiled."""
    return Path(shutil.copytree(FOLDER, tmp_path / "grafana"))


def check(folder: Path) -> str:
    result = CliRunner().invoke(dashboards.app, ["--check", "--folder", str(folder)], catch_exceptions=False)
    return result.output


def test_the_checked_in_files_are_as_generated() -> None:
    assert "as generated" in check(FOLDER)


@pytest.mark.parametrize("name", generated())
def test_a_hand_edit_is_refused_by_name_and_written_over(copy: Path, name: str) -> None:
    file = copy / name
    file.write_text(file.read_text(encoding="utf-8").replace('": ', '":  ', 1), encoding="utf-8")
    with pytest.raises(RomashkaError, match=f"not as generated: {name}"):
        check(copy)
    assert write(copy) == [name]
    assert drifted(copy) == []


def test_what_is_missing_or_left_over_is_drift(copy: Path) -> None:
    missing = next(copy.glob("dashboards/*/*.json"))
    missing.unlink()
    left_over = missing.with_name("old.json")
    left_over.write_text("{}", encoding="utf-8")
    assert drifted(copy) == sorted(str(path.relative_to(copy)) for path in (missing, left_over))
    write(copy)
    assert missing.is_file()
    assert not left_over.exists()
