"""The units of an installation without containers, read by systemd's own checker where it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from cli.command_table import loaded
from cli.settings import Settings
from tests.unit.deploy.files import DEPLOY, ROOT

FOLDER: Final = DEPLOY / "systemd"
SERVICES: Final = sorted(FOLDER.glob("*.service"))
PROGRAM: Final = "/opt/romashka/bin/romashka"
GUIDE: Final = (ROOT / "docs/install-without-docker.md").read_text(encoding="utf-8")
by_name = pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: the package systemd)"
)


def _values(service: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", service.read_text(encoding="utf-8"), re.MULTILINE)


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False, env={"LC_ALL": "C"}
    )


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with the program of this environment, because the checker wants a program that is there."""
    there = str(Path(sys.executable).with_name("romashka"))
    for unit in FOLDER.iterdir():
        (tmp_path / unit.name).write_text(unit.read_text(encoding="utf-8").replace(PROGRAM, there))
    return tmp_path


@needs_systemd
def test_systemd_takes_every_unit_without_a_remark(units: Path) -> None:
    names = [path.name.replace("@", "@9464") for path in sorted(units.iterdir())]
    (units / "romashka-worker@9464.service").symlink_to("romashka-worker@.service")
    done = _analyze("verify", "--man=no", "--recursive-errors=no", *(str(units / name) for name in names))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@by_name
def test_a_service_is_exposed_as_little_as_systemd_can_make_it(service: Path) -> None:
    done = _analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(service))
    assert done.returncode == 0, done.stdout[-500:]


@by_name
def test_a_service_runs_a_command_that_exists_as_a_user_of_its_own(service: Path) -> None:
    commands = _values(service, "ExecStart")
    assert commands
    for command in commands:
        program, first, *rest = command.split()
        assert program == PROGRAM
        found = loaded(first)
        for word in rest:
            assert word in getattr(found, "commands", {}), command
    assert _values(service, "User") == ["romashka"]


@by_name
def test_settings_come_from_files_and_those_of_the_unit_are_known(service: Path) -> None:
    known = {f"ROMASHKA_{name.upper()}" for name in Settings.model_fields}
    written = [setting.partition("=") for line in _values(service, "Environment") for setting in line.split()]
    assert {name for name, _, _ in written} <= known
    assert "/etc/romashka/romashka.env" in _values(service, "EnvironmentFile")
    reads_admin = "/etc/romashka/admin.env" in _values(service, "EnvironmentFile")
    assert reads_admin == (service.stem == "romashka-migrate"), "only the jobs have the administrator's passwords"


def test_what_runs_for_long_comes_back_and_has_time_to_leave() -> None:
    for service in SERVICES:
        if _values(service, "Type") != ["oneshot"]:
            assert _values(service, "Restart") == ["always"]
            assert _values(service, "StartLimitIntervalSec") == ["0"], "an outage of an hour must not end it for good"
            assert int(_values(service, "TimeoutStopSec")[0]) >= 30


def test_the_guide_names_every_unit_and_every_file() -> None:
    for unit in FOLDER.iterdir():
        assert unit.name.partition(".")[0].removesuffix("@") in GUIDE, unit.name
    for service in SERVICES:
        for file in _values(service, "EnvironmentFile"):
            assert file in GUIDE
