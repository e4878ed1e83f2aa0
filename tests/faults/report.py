"""The table of docs/reliability.md, from the results of the last full runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.faults.promises import PROMISES, Promise
from tests.marks import between


class Outcome(NamedTuple):
    """The result of a test, or of one of its parameters."""

    failed: bool
    skipped: bool
    seconds: float
    figures: Sequence[str]


Run = Mapping[str, Sequence[Outcome]]


def write_table(document: Path, runs: Mapping[str, Run], now: datetime) -> None:
    """Replace the table between the markers; the keys of ``runs`` are names of brokers."""
    between(document, "make test-faults", table(runs, now))


def table(runs: Mapping[str, Run], now: datetime) -> str:
    """Return the table in Markdown."""
    lines = [f"Written on {now:%Y-%m-%d} by `make test-faults`.", ""]
    lines += ["| # | fault | promise | test | " + " | ".join(runs) + " |", "|---" * (4 + len(runs)) + "|"]
    lines += [_row(promise, runs) for promise in PROMISES]
    return "\n".join(lines) + "\n"


def _row(promise: Promise, runs: Mapping[str, Run]) -> str:
    files = dict.fromkeys(test.removeprefix("tests/").partition("::")[0] for test in promise.tests)
    tests = "<br>".join(f"`{file}`" for file in files)
    cells = [promise.number, promise.fault, promise.promise, tests or "`make soak`"]
    cells += [said(promise, run) for run in runs.values()]
    return "| " + " | ".join(cells) + " |"


def said(promise: Promise, run: Run) -> str:
    """Return the result of a promise in a run: the figures of its tests, or why there are none."""
    if not promise.tests:
        return "see below"
    outcomes = {test: list(run.get(test, ())) for test in promise.tests}
    ran = [outcome for found in outcomes.values() for outcome in found if not outcome.skipped]
    if not any(outcomes.values()):
        return "not run"
    if not ran:
        return "not possible on this broker"
    figures = [figure for outcome in ran if not outcome.failed for figure in outcome.figures]
    failed = [test for test, found in outcomes.items() if any(outcome.failed for outcome in found)]
    words = [*figures, *(f"**failed**: `{_file(test)}`" for test in failed)]
    words += [f"not run: `{_file(test)}`" for test, found in outcomes.items() if not found]
    return "<br>".join(words) if words else "held"


def _file(test: str) -> str:
    return test.partition("::")[0].rpartition("/")[2]
