"""``make test-faults``: every promise at full length on both brokers; writes its table into docs/reliability.md."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree

import pytest
import typer

from tests.faults.promises import PROMISES
from tests.faults.report import Outcome, write_table
from tests.kafka import artifacts
from tests.kafka.broker import ApacheKafka

_ROOT: Final = Path(__file__).parents[2]
_BUILD: Final = _ROOT / "build"


class Broker(NamedTuple):
    """A broker that the tests run on."""

    name: str
    apache: bool


_BROKERS: Final = (Broker("embedded", apache=False), Broker(f"Apache Kafka {artifacts.kafka_version()}", apache=True))


def main(arguments: Sequence[str]) -> int:
    """Run everything and write the table, also where something failed; return 1 in that case.

    ``--write-only`` writes the table from the last runs, ``--only=embedded`` and ``--only=apache`` run one broker;
    everything else goes to pytest.
    """
    _BUILD.mkdir(exist_ok=True)
    code = 0
    only = {one.removeprefix("--only=") for one in arguments if one.startswith("--only=")}
    others = [one for one in arguments if one != "--write-only" and not one.startswith("--only=")]
    if "--write-only" not in arguments:
        for broker in _BROKERS:
            if only and ("apache" if broker.apache else "embedded") not in only:
                continue
            if broker.apache and (missing := artifacts.missing_tool()) is not None:
                typer.echo(f"not run on {broker.name}: {missing}.")
                continue
            code |= _run(broker, others)
    # Reports of parts, as faults-embedded-2.xml, count with the whole: a later one says what became of its tests.
    found = {broker.name: outcomes(sorted(_BUILD.glob(f"{_report(broker).stem}*.xml"))) for broker in _BROKERS}
    write_table(_ROOT / "docs" / "reliability.md", {name: run for name, run in found.items() if run}, datetime.now(UTC))
    return code


def _run(broker: Broker, arguments: Sequence[str]) -> int:
    typer.echo(f"Every fault at full length on {broker.name} ...")
    with _servers(broker) as servers:
        command = [
            sys.executable,
            "-m",
            "pytest",
            *_tests(),
            "-o",
            "junit_family=xunit1",
            f"--junitxml={_report(broker)}",
        ]
        environment = {**os.environ, "ROMASHKA_TEST_FAULTS": "full", **servers}
        done = subprocess.run([*command, *arguments], env=environment, cwd=_ROOT, check=False)
    return int(done.returncode != pytest.ExitCode.OK)


@contextmanager
def _servers(broker: Broker) -> Iterator[dict[str, str]]:
    if not broker.apache:
        yield {}
        return
    with ApacheKafka() as kafka:
        yield {"ROMASHKA_TEST_KAFKA": kafka.bootstrap}


def _tests() -> list[str]:
    return list(dict.fromkeys(test for promise in PROMISES for test in promise.tests))


def _report(broker: Broker) -> Path:
    return _BUILD / f"faults-{'apache' if broker.apache else 'embedded'}.xml"


def outcomes(reports: Sequence[Path]) -> dict[str, list[Outcome]]:
    """Return by test id, without parameters, what became of it by pytest's reports in JUnit's form."""
    found: dict[str, list[Outcome]] = {}
    for report in reports:
        of_report: dict[str, list[Outcome]] = {}
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
            file = (case.get("file") or "").replace(os.sep, "/")
            test = f"{file}::{(case.get('name') or '').partition('[')[0]}"
            figures = [one.get("value") or "" for one in case.iter("property") if one.get("name") == "figure"]
            skipped = case.find("skipped") is not None
            failed = case.find("failure") is not None or case.find("error") is not None
            of_report.setdefault(test, []).append(Outcome(failed, skipped, float(case.get("time") or 0), figures))
        found |= of_report
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
