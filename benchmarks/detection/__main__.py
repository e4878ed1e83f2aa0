"""``python -m benchmarks.detection``: our per-minute detector beside river's stock ones, on the same series.

It writes docs/models/performance-results.md, or with ``--check`` fails where our detector does worse than recorded.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks.detection import results
from benchmarks.detection.comparison import ALL, by_kind, run_all, table
from benchmarks.detection.contenders import OURS

out = Console()


def main(
    check: Annotated[bool, typer.Option("--check", help="Compare with the record instead of writing it")] = False,
    ours: Annotated[bool, typer.Option("--ours", help="Run our detector alone; others stay as recorded")] = False,
) -> None:
    """Judge the performance detector beside others.

    Example: `python -m benchmarks.detection --check`
    """
    scenarios = track(run_all(ours=ours), "scenarios", total=len(ALL), console=out)
    runs = [run for scenario in scenarios for run in scenario]
    rows, kinds = table(runs), by_kind(runs)
    if ours:
        rows = results.with_others(rows, results.recorded(), OURS.name)
    out.print(results.markdown(rows, kinds), highlight=False, soft_wrap=True)
    if not check:
        results.write(rows, kinds)
        for missed in results.missed_targets(rows, OURS.name):
            out.print(f"[bold red]missed:[/] {missed}", highlight=False)
        return
    found = [*results.regressions(rows, results.recorded(), OURS.name), *results.missed_targets(rows, OURS.name)]
    for regression in found:
        out.print(f"[bold red]worse:[/] {regression}", highlight=False)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)
