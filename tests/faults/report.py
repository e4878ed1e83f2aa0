"""The table of docs/reliability.md, from what the last full runs found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.faults.promises import PROMISES, Promise
from tests.marks import between


class Outcome(NamedTuple):
    """What became of a test, or of one of its parameters."""

    failed: bool
    skipped: bool
    seconds: float
    figures: Sequence[str]


Run = Mapping[str, Sequence[Outcome]]


def write_table(document: Path, runs: Mapping[str, Run], now: datetime) -> None:
    """Replace what stands between the marks; ``runs`` is by the broker's name."""
    between(document, "make test-faults", table(runs, now))


def table(runs: Mapping[str, Run], now: datetime) -> str:
    """Return the table in Markdown."""
    lines = [f"Written on {now:%Y-%m-%d} by `make test-faults`.", ""]
    lines += ["| # | fault | promise | test | " + " | ".join(runs) + " |", "|---" * (4 + len(runs)) + "|"]
    lines += [_row(promise, runs) for promise in PROMISES]
    return "\n".join(lines) + "\n"


def _row(promise: Promise, runs: Mapping[str, Run]) -> str:
    tests = "<br>".join(f"`{test.removeprefix('tests/').partition('::')[0]}`" for test in promise.tests)
    cells = [promise.number, promise.fault, promise.promise, tests or "`make soak`"]
    cells += [said(promise, run) for run in runs.values()]
    return "| " + " | ".join(cells) + " |"


def said(promise: Promise, run: Run) -> str:
    """Return what a run says of a promise: its figures, or why there are none."""
    outcomes = [outcome for test in promise.tests for outcome in run.get(test, ())]
    if not promise.tests:
        return "see below"
    if not outcomes:
        return "not run"
    if any(outcome.failed for outcome in outcomes):
        return "**failed**"
    ran = [outcome for outcome in outcomes if not outcome.skipped]
    if not ran:
        return "not possible on this broker"
    figures = [figure for outcome in ran for figure in outcome.figures]
    return "<br>".join(figures) if figures else "held"
