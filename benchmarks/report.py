"""The results of the rounds and the stages, as tables for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Final, NamedTuple

import vl_convert
from rich.table import Table

from benchmarks.contenders import OURS, Contender
from benchmarks.peers.limits import Limit
from benchmarks.rounds import Measured
from benchmarks.stages import Stage

_PACKAGES: Final = (
    "faust-streaming",
    "quixstreams",
    "sentry-arroyo",
    "confluent-kafka",
    "aiokafka",
    "pydantic",
    "pyarrow",
    "clickhouse-connect",
    "chdb",
)
_QUIET_CORES: Final = 0.25

Results = dict[Contender, list[Measured]]


class Sheet(NamedTuple):
    """A table independent of its output format; every column but the first is right-aligned."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def comparison(results: Results) -> Sheet:
    """Return the throughput of all workers."""
    return Sheet(
        "Events per second of one worker process",
        ("worker process", "events", "events/s", "min to max", "speed-up by ours", "CPU time to ours"),
        [_rates_row(contender, measured, results[OURS]) for contender, measured in results.items()],
    )


def processor_time(results: Results) -> Sheet:
    """Return the CPU time of all workers."""
    return Sheet(
        "CPU time",
        ("worker process", "µs/event", "of the database", "cores: worker", "its jobs", "database", "broker", "others"),
        [
            (
                contender.name,
                _micros(median(one.per_event.worker for one in measured)),
                _micros(median(one.per_event.database for one in measured)),
                *(f"{median(cores):.2f}" for cores in zip(*(one.cores for one in measured), strict=True)),
            )
            for contender, measured in results.items()
        ],
    )


def bounds(limits: Mapping[str, Limit], ours: Sequence[Measured]) -> Sheet:
    """Return what parts of the job take alone, and how often our whole job fits into it."""
    total = median(one.per_event.worker for one in ours)
    rate = median(one.events_per_second for one in ours)
    return Sheet(
        "Limits: parts of the job alone",
        ("part", "µs/event", "events/s", "our job, CPU time", "our job, events/s"),
        [
            (
                name,
                _micros(one.per_event),
                f"{one.events_per_second:,.0f}",
                f"{total / one.per_event:.2f} times",
                f"{rate / one.events_per_second:.2f} times",
            )
            for name, one in limits.items()
        ],
    )


def picture(results: Results) -> str:
    """Return a bar chart of the CPU time per event, worker and database, as SVG."""
    values = [
        {"contender": contender.name, "process": process, "micros": micros}
        for contender, measured in results.items()
        for process, micros in (
            ("worker", median(one.per_event.worker for one in measured) * 1e6),
            ("database", median(one.per_event.database for one in measured) * 1e6),
        )
    ]
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "y": {"field": "contender", "type": "nominal", "sort": [one.name for one in results], "title": None},
            "yOffset": {"field": "process", "sort": ["worker", "database"]},
            "x": {
                "field": "micros",
                "type": "quantitative",
                "scale": {"type": "log", "domainMin": 1},
                "stack": None,
                "title": "CPU time per event, µs (logarithmic)",
            },
            "x2": {"datum": 1},  # a logarithmic axis has no zero that bars could begin at
            "color": {"field": "process", "type": "nominal", "sort": ["worker", "database"], "title": None},
        },
    }
    return str(vl_convert.vegalite_to_svg(chart))


def breakdown(stages: Sequence[Stage], ours: Sequence[Measured]) -> Sheet:
    """Return the CPU time of each stage of our worker, compared with its total."""
    total = median(one.per_event.worker for one in ours)
    known = sum(stage.per_event for stage in stages)
    rest = Stage("the rest: Faust, threads, garbage collection, cold caches", max(0.0, total - known))
    rows = [(stage.name, _micros(stage.per_event), f"{stage.per_event / total:.0%}") for stage in (*stages, rest)]
    return Sheet(
        "CPU time of our worker by stage",
        ("stage", "µs/event", "share"),
        [*rows, ("our worker in the rounds (median)", _micros(total), "100%")],
    )


def findings(results: Results, stages: Sequence[Stage]) -> list[str]:
    """Return sentences about the bottleneck of our worker, and about load that makes the results unreliable."""
    ours = results[OURS]
    cores = median(one.cores.worker for one in ours)
    spent = _micros(median(one.per_event.worker for one in ours))
    database = _micros(median(one.per_event.database for one in ours))
    largest = max(stages, key=lambda stage: stage.per_event)
    found = [
        (
            f"Our worker used {cores:.2f} cores and {spent} µs of CPU time per event; the largest part is "
            f"'{largest.name}' with {_micros(largest.per_event)} µs. The database used {database} µs per event."
        )
    ]
    others = max(one.cores.others for measured in results.values() for one in measured)
    if others > _QUIET_CORES:
        found.append(
            f"Other programs used up to {others:.2f} cores during the run: its rates are too low, and its CPU "
            "time per event is too high. Run it again on an idle machine."
        )
    return found


def machine() -> str:
    """Return hardware and software versions of the measurement, without the name of the machine."""
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    return (
        f"{os.cpu_count()} cores ({platform.machine()}) shared by worker, database and broker; "
        f"Python {platform.python_version()}; {packages}."
    )


def _version(name: str) -> str | None:
    """Return the version of a package; peers are not installed everywhere."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def to_terminal(sheet: Sheet) -> Table:
    """Return the sheet as a table for rich."""
    table = Table(title=sheet.title, title_justify="left", header_style="bold")
    for position, column in enumerate(sheet.columns):
        table.add_column(column, justify="right" if position else "left")
    for row in sheet.rows:
        table.add_row(*row)
    return table


def to_markdown(sheet: Sheet) -> str:
    """Return the sheet as Markdown."""
    rule = ["---", *("---:" for _ in sheet.columns[1:])]
    lines = ["| " + " | ".join(row) + " |" for row in (sheet.columns, rule, *sheet.rows)]
    return f"**{sheet.title}**\n\n" + "\n".join(lines)


def _rates_row(contender: Contender, measured: Sequence[Measured], ours: Sequence[Measured]) -> tuple[str, ...]:
    rates = [one.events_per_second for one in measured]
    # Ratios within a round, because load from other programs affects both workers of a round.
    ratios = [our.events_per_second / rate for our, rate in zip(ours, rates, strict=True)]
    cheaper = [one.per_event.worker / our.per_event.worker for our, one in zip(ours, measured, strict=True)]
    return (
        contender.name,
        f"{measured[0].events:,}",
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        "" if contender is OURS else f"{median(ratios):.2f} times",
        "" if contender is OURS else f"{median(cheaper):.2f} times",
    )


def _micros(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"
