"""Apache Kafka's jars, fetched with Maven as ``pom.xml`` pins them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from models.errors import Unreachable

_POM = Path(__file__).with_name("pom.xml")
_CLASSPATH = _POM.parent / "target" / "classpath"  # written by Maven, where the pom says
_JAVA = 17
_FETCH_SECONDS = 600.0


def kafka_version() -> str:
    """Return the version of Apache Kafka that the pom pins."""
    found = re.search(r"<kafka\.version>(.+)</kafka\.version>", _POM.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{_POM} has no kafka.version property.")
    return found[1]


def missing_tool() -> str | None:
    """Say which tool that Apache Kafka needs is not on this machine; None where all are."""
    if shutil.which("java") is None:
        return f"Java {_JAVA} or newer is not installed"
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=60, check=False)
    major = java_major(answer.stderr)
    if major is None or major < _JAVA:
        return f"Java {_JAVA} or newer is needed, and this is {'unknown' if major is None else major}"
    if shutil.which("mvn") is None:
        return "Maven is not installed"
    return None


def java_major(version_text: str) -> int | None:
    """Read the major version out of what ``java -version`` prints; None where it is not there."""
    found = re.search(r'version "(\d+)', version_text)
    return None if found is None else int(found[1])


def is_fetched() -> bool:
    """Tell whether the jars that the pom names today are on this machine."""
    if not _CLASSPATH.exists() or _CLASSPATH.stat().st_mtime < _POM.stat().st_mtime:
        return False
    return all(Path(jar).exists() for jar in _CLASSPATH.read_text(encoding="utf-8").split(os.pathsep))


def classpath() -> str:
    """Return the Java class path of Apache Kafka, fetching its jars the first time.

    Raises
    ------
    Unreachable
        Maven could not fetch them.
    """
    if not is_fetched():
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(_POM), "dependency:build-classpath"]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
        if fetched.returncode != 0:
            raise Unreachable(
                f"Maven could not fetch Apache Kafka {kafka_version()}; check the network and Maven's settings.\n"
                + fetched.stdout[-2000:]
            )
    return _CLASSPATH.read_text(encoding="utf-8")
