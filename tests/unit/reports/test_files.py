"""Files of reports and exports are complete, or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from models.errors import SettingsError
from reports import schedule_runner
from reports.files import PRIVATE, complete_file


def _full(path: Path) -> None:
    """Write some of a file, and then find the disk full."""
    with complete_file(path) as target:
        target.write(b"half")
        raise OSError(28, "No space left on device")


def test_a_file_that_cannot_be_completed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        _full(tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_completed_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"last month")
    with pytest.raises(OSError, match="No space left"):
        _full(path)
    assert path.read_bytes() == b"last month"
    assert list(tmp_path.iterdir()) == [path]


def test_a_scheduled_report_that_cannot_be_named_leaves_nothing(tmp_path: Path) -> None:
    """Each attempt of a schedule left a part of a report, with a tenant's data, that nothing ever removed."""
    (tmp_path / "report.pdf").mkdir()
    with pytest.raises(SettingsError, match=r"cannot write .*check ROMASHKA_REPORTS_DIR"):
        schedule_runner._write(tmp_path / "report.pdf", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    with complete_file(tmp_path / "report.pdf", PRIVATE):
        (part,) = tmp_path.iterdir()
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "report.pdf").stat().st_mode) == 0o600


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("x" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    with complete_file(path) as target:
        target.write(b"x")
    assert path.read_bytes() == b"x"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "latest.pdf").symlink_to(tmp_path / "report.pdf")
    with complete_file(tmp_path / "latest.pdf") as target:
        target.write(b"x")
    assert (tmp_path / "latest.pdf").is_symlink()
    assert (tmp_path / "report.pdf").read_bytes() == b"x"


def test_a_pipe_is_written_to() -> None:
    reading, writing = os.pipe()
    with complete_file(Path(f"/dev/fd/{writing}")) as target:
        target.write(b"x")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"x"
