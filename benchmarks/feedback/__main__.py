"""``make bench-feedback``: whether thresholds that follow verdicts keep the budget, and still find what is real.

``ARGS=--write`` updates docs/insights.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.feedback.quarter import ANSWERED, GROUPS, WEEKS, WRONG, Quarter, Week, quarter
from detectors.thresholds import Goals
from kpis.statistics import Z_95

GOALS: Final = Goals(budget=1.0, recall_floor=0.9)
_SEEDS: Final = 20
_LAST_WEEKS: Final = 4
_PAGE: Final = Path(__file__).parents[2] / "docs" / "insights.md"
_BEGIN: Final = "<!-- make bench-feedback ARGS=--write: begin -->\n"
_END: Final = "<!-- make bench-feedback ARGS=--write: end -->\n"


def main() -> None:
    """Print the tables; write them into the docs where told to."""
    text = report()
    print(text)
    if "--write" in sys.argv[1:]:
        page = _PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(_BEGIN)
        _PAGE.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def report() -> str:
    """Return the tables as Markdown."""
    runs = {
        learns: [quarter(GROUPS, GOALS, seed=seed, learns=learns) for seed in range(_SEEDS)] for learns in (False, True)
    }
    lines = [
        f"{_SEEDS} quarters of {WEEKS} weeks. {ANSWERED:.0%} of findings are answered, {WRONG:.0%} of answers wrong.",
        f"Budget: {GOALS.budget:g} false alarm per tenant and week; floor of recall: {GOALS.recall_floor:.0%}.",
        "False alarms per tenant and week, with 95 % intervals:",
        "",
        f"| tenants | default | weeks 1 and 2 | weeks 5 and 6 | last {_LAST_WEEKS} weeks | recall in replay |",
        "|---|---|---|---|---|---|",
    ]
    for group in GROUPS:
        fixed, tuned = ([one[group.name] for one in runs[learns]] for learns in (False, True))
        cells = (
            group.name,
            rate([week for one in fixed for week in one.weeks]),
            rate(weeks(tuned, slice(0, 2))),
            rate(weeks(tuned, slice(4, 6))),
            rate(weeks(tuned, slice(-_LAST_WEEKS, None))),
            f"{sum(one.found for one in tuned) / sum(one.incidents for one in tuned):.1%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def weeks(quarters: Sequence[Quarter], which: slice) -> list[Week]:
    """Return some weeks of several quarters."""
    return [week for one in quarters for week in one.weeks[which]]


def rate(some: Sequence[Week]) -> str:
    """Return false alarms per tenant and week, with an interval."""
    count, tenants = sum(one.false_alarms for one in some), sum(one.tenants for one in some)
    room = Z_95 * math.sqrt(count + 1.0)
    return f"{count / tenants:.2f} ({max(count - room, 0.0) / tenants:.2f} to {(count + room) / tenants:.2f})"


if __name__ == "__main__":
    main()
