"""The table of results: made, written, and compared with the one that is checked in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from kpis.statistics import wilson

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "models" / "performance-results.md"
RECORD: Final = DOCUMENT.with_suffix(".json")

TARGETS: Final = {"150": (0.97, 3.0), "40 to 60": (0.97, 3.0), "about 8": (0.85, None)}
"""By volume: the least recall on the scenarios that gate, and the most median delay in minutes."""
MAX_FALSE_ALARMS: Final = 0.02
# By how much a result may be worse than the record before it is a regression.
_LESS_RECALL, _MORE_FALSE_ALARMS, _MORE_DELAY = 0.03, 0.02, 2.0
_INTRODUCTION: Final = """# Performance anomalies: results

Made by `python -m benchmarks.detection`; `--check` compares a fresh run with it. Scenarios have permanent ids and seeds
on which nothing was tuned (`benchmarks/detection/scenarios.py`). Every minute is scored before it is learned; the
first three of 17 days only teach. Our detector runs with its own thresholds; every other contender is given, for each
row, the best threshold that hindsight finds within 0.05 false alarms per series and day. Alarms are episodes, counted
per series and day; µs are processor time per window; recall has Wilson's interval of 95 %. The world `gate` is the
synthetic one again with seeds of its own, four a row, for our detector alone: on each row, all of its seeds together,
the targets are held (recall 0.97 at 40 and more events a minute, 0.85 at 8, at most 0.02 false alarms, median delay at
most 3 minutes at 40 and more). `--ours` runs our detector alone and keeps the others' rows.
"""


@dataclass(frozen=True)
class Row:
    """One contender on the series of one world and volume; ``microseconds`` are processor time per window."""

    world: str
    volume: str
    contender: str
    incidents: int
    found: int
    false_alarms: float
    delay: float | None
    microseconds: float

    @property
    def recall(self) -> float:
        """The share of incidents that were found."""
        return self.found / self.incidents


@dataclass(frozen=True)
class KindRow:
    """What our detector found of one kind of incident."""

    world: str
    kind: str
    volume: str
    incidents: int
    found: int
    delay: float | None


def write(rows: list[Row], kinds: list[KindRow]) -> None:
    """Write the document and the record that ``regressions`` compares with."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    DOCUMENT.write_text(markdown(rows, kinds))


def recorded() -> list[Row]:
    """Return the rows of the record."""
    return [Row(**row) for row in json.loads(RECORD.read_text())]


def regressions(rows: list[Row], before: list[Row], contender: str) -> list[str]:
    """Return in words what a contender does worse than before, beyond the tolerances; times are not compared."""
    old = {(row.world, row.volume): row for row in before if row.contender == contender}
    found = []
    for row in (row for row in rows if row.contender == contender):
        was = old.get((row.world, row.volume))
        name = f"{row.world}, {row.volume} events a minute"
        if was is None:
            found.append(f"{name}: not in the record; run python -m benchmarks.detection to write it")
            continue
        if row.recall < was.recall - _LESS_RECALL:
            found.append(f"{name}: recall fell from {was.recall:.3f} to {row.recall:.3f}")
        if row.false_alarms > was.false_alarms + _MORE_FALSE_ALARMS:
            found.append(f"{name}: false alarms rose from {was.false_alarms:.3f} to {row.false_alarms:.3f} a day")
        if row.delay is not None and was.delay is not None and row.delay > was.delay + _MORE_DELAY:
            found.append(f"{name}: median delay rose from {was.delay:g} to {row.delay:g} minutes")
    return found


def with_others(rows: list[Row], before: list[Row], contender: str) -> list[Row]:
    """Return fresh rows of one contender, each with the recorded rows of the others behind it."""
    return [
        one
        for row in rows
        for one in (
            row,
            *(
                old
                for old in before
                if (old.world, old.volume) == (row.world, row.volume) and old.contender != contender
            ),
        )
    ]


def missed_targets(rows: list[Row], contender: str) -> list[str]:
    """Return in words which targets a contender misses on the scenarios that gate."""
    found = []
    for row in (row for row in rows if row.contender == contender and row.world == "gate"):
        recall, delay = TARGETS[row.volume]
        name = f"{row.volume} events a minute"
        if row.recall < recall:
            found.append(f"{name}: recall {row.recall:.4f} ({row.found} of {row.incidents}), not {recall}")
        if row.false_alarms > MAX_FALSE_ALARMS:
            found.append(f"{name}: {row.false_alarms:.3f} false alarms a series and day, not {MAX_FALSE_ALARMS}")
        if delay is not None and row.delay is not None and row.delay > delay:
            found.append(f"{name}: median delay {row.delay:g} minutes, not {delay:g}")
    return found


def markdown(rows: list[Row], kinds: list[KindRow]) -> str:
    """Return the document."""
    lines = [
        _INTRODUCTION,
        "| world | events a minute | detector | incidents | recall | false alarms a day | median delay, min | µs |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {row.world} | {row.volume} | {row.contender} | {row.incidents} | {_share(row.found, row.incidents)} "
            f"| {row.false_alarms:.3f} | {_minutes(row.delay)} | {row.microseconds:.0f} |"
            for row in rows
        ),
        "\n## Our detector by kind of incident\n",
        "A delay is counted from the first effect. Creeps and stale data begin with none and grow.\n",
        "| world | kind | events a minute | found | median delay, min |",
        "|---|---|---|---|---|",
        *(
            f"| {kind.world} | {kind.kind.replace('_', ' ')} | {kind.volume} | {kind.found} of {kind.incidents} "
            f"| {_minutes(kind.delay)} |"
            for kind in kinds
        ),
    ]
    return "\n".join(lines) + "\n"


def _share(found: int, incidents: int) -> str:
    bounds = wilson(found, incidents)
    return f"{found / incidents:.3f} ({bounds.lower:.2f} to {bounds.upper:.2f})"


def _minutes(delay: float | None) -> str:
    return "-" if delay is None else f"{delay:g}"
