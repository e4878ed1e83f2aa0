"""Every job that is written runs: one that nobody registered, or that has no interval, is named."""

from __future__ import annotations

import ast
import base64
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from cli.leader_jobs import every_job
from cli.settings import Settings
from streams.job import Job

ROOT: Final = Path(__file__).parents[3]
# Where jobs are written: their own folder, and the jobs of reports and of live figures beside what they run.
WRITTEN_IN: Final = sorted(file for top in ("jobs", "reports", "streams") for file in (ROOT / top).rglob("*.py"))


def written() -> Iterator[tuple[str, ast.Call]]:
    """Yield the file of each ``Job(...)`` in the source, and the call."""
    for file in WRITTEN_IN:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == Job.__name__:
                yield str(file.relative_to(ROOT)), node


@pytest.fixture(scope="module")
def registered() -> tuple[Job, ...]:
    # With everything set that a job depends on: a Grafana for live figures, recipients, an old key for re-keying.
    key, old = (SecretStr(base64.b64encode(bytes(range(n, n + 32))).decode()) for n in (0, 1))
    config = Settings(
        pseudonym_key=key,
        pseudonym_old_keys={"k0": old},
        grafana_live_token=SecretStr("glsa_1"),
        grafana_live_url="http://grafana:3000",
        grafana_url="http://grafana:3000",
        grafana_silence_token=SecretStr("glsa_2"),
        tune_thresholds=True,
        findings_to="mailto:oncall@example.com",
    )
    return every_job(config)


def test_every_job_that_is_written_is_registered(registered: tuple[Job, ...]) -> None:
    names = {job.name for job in registered}
    jobs = [(file, call.args[0] if call.args else None) for file, call in written()]
    assert jobs
    for file, name in jobs:
        assert isinstance(name, ast.Constant), f"{file}: the first argument of Job is its name, a literal"
        assert name.value in names, f"job {name.value!r} of {file} never runs: add it to jobs/registry.py"


def test_every_registered_job_has_a_name_of_its_own_and_an_interval(registered: tuple[Job, ...]) -> None:
    assert [name for name, count in Counter(job.name for job in registered).items() if count > 1] == []
    never = [job.name for job in registered if job.every <= timedelta()]
    assert never == [], "the second argument of Job, its interval, has to be longer than nothing"
