"""Query times of key figures over a hundred million queries: ``make bench-kpis`` (``ARGS=--write`` for the docs).

The rows are generated inside the embedded ClickHouse (``benchmarks/kpis_rows.py``): a month of one-minute windows and
of conversation events, and the roll-ups that the job computes from them; the newest minutes are not rolled up, as in
production. Daily roll-ups and sales are repeated backwards over a year. All data is deleted at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client
from rich.console import Console

from benchmarks.kpis_growth import growth
from benchmarks.kpis_rows import TENANTS, Amount, as_running, fill, stretch
from benchmarks.kpis_timing import Timing
from benchmarks.report import Sheet, machine, to_markdown, to_terminal
from embedded.database import Database
from kpis.analyses.catalogue import ANALYSES
from kpis.query import ALL_TENANTS, Interval, Scope, build_query
from kpis.registry import ALL
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect

_DOCUMENT: Final = Path("docs/benchmarks.md")
_BEGIN: Final = "<!-- make bench-kpis ARGS=--write: begin -->\n"
_END: Final = "<!-- make bench-kpis ARGS=--write: end -->\n"
_DAYS, _YEAR = 30, 365
_ONE, _EVERYONE = UUID(int=7), ALL_TENANTS
_RANGES: Final = (7, 30, 90, _YEAR)
_SOME: Final = ("query_count", "latency_p95_ms", "durable_resolution_rate", "net_savings")
# One reads stored results, the other the single queries of one incident.
_ELSEWHERE: Final = frozenset({"impact", "fault-cost"})

out = Console(width=150)


def main() -> None:
    """Generate the rows, query every figure, print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=100_000_000, help="number of query events")
    parser.add_argument("--conversations", type=int, default=5_000_000, help="number of conversations")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {_DOCUMENT}")
    options = parser.parse_args()
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    amount = Amount(options.queries, options.conversations, _DAYS, end)
    parts = []
    for sheet in _sheets(amount):
        out.print(to_terminal(sheet))
        parts.append(to_markdown(sheet))
    if options.write:
        made = f"{amount.queries:,} queries and {amount.conversations:,} conversations of {TENANTS} tenants."
        _write("\n\n".join([*parts, made, machine()]))


def _sheets(amount: Amount) -> Iterator[Sheet]:
    with Database() as database:
        address = ClickHouseAddress(database.url, "benchmark")
        migrate(address)
        with connect(address, answer_seconds=3600) as client:
            timing = Timing(client, database.pid)
            fill(client, amount, _say, raw=False)
            stretch(client, amount, _YEAR)
            as_running(client, amount, _say)
            yield _figures(timing, amount.end)
            yield _ranges(timing, client, amount.end)
            yield _analyses(timing, amount.end)
        yield growth(database, amount.end, _say)


def _figures(timing: Timing, end: datetime) -> Sheet:
    rows = []
    for id_ in ALL:
        month, year = end - timedelta(days=_DAYS, minutes=-17), end - timedelta(days=_YEAR, minutes=-17)
        asked: list[tuple[datetime, Any, Interval | None]] = [
            (month, _ONE, None),
            (month, _EVERYONE, None),
            (month, _ONE, Interval.DAY),
            (year, _ONE, None),
            (year, _EVERYONE, None),
        ]
        cells = [str(timing.of(build_query([id_], Scope(start, end, who), every=every))) for start, who, every in asked]
        rows.append((id_, *cells))
        out.print(*rows[-1])
    return Sheet(
        "Wall-clock time in milliseconds (CPU time in brackets)",
        ("figure", "one tenant, 30 days", "all, 30 days", "one, by day", "one, 1 year", "all, 1 year"),
        rows,
    )


def _ranges(timing: Timing, client: Client, end: datetime) -> Sheet:
    rows = []
    for days in _RANGES:
        start = end - timedelta(days=days)
        counted = client.query(
            "SELECT (SELECT count() FROM query_days FINAL WHERE day_start >= {start:DateTime}), "
            "(SELECT count() FROM conversation_days FINAL WHERE part = '' AND day_start >= {start:DateTime})",
            parameters={"start": f"{start:%Y-%m-%d %H:%M:%S}"},
        ).result_rows[0]
        cells = [str(timing.of(build_query([id_], Scope(start, end, _EVERYONE)))) for id_ in _SOME]
        rows.append((f"{days} days", *(f"{one:,}" for one in counted), *cells))
    return Sheet(
        "By length of the range, all tenants", ("range", "query day rows", "conversation day rows", *_SOME), rows
    )


def _analyses(timing: Timing, end: datetime) -> Sheet:
    """Return the query times of the analyses that read conversations, hours and days."""
    start = end - timedelta(days=_DAYS)
    rows = [
        (name, *(str(timing.of(analysis.query(Scope(start, end, who)))) for who in (_ONE, _EVERYONE)))
        for name, analysis in ANALYSES.items()
        if name not in _ELSEWHERE
    ]
    return Sheet("Analyses, 30 days", ("analysis", "one tenant", "all"), rows)


def _say(text: str) -> None:
    out.print(text, highlight=False)


def _write(text: str) -> None:
    """Replace the text between the two markers."""
    before, rest = _DOCUMENT.read_text().split(_BEGIN)
    _, after = rest.split(_END)
    _DOCUMENT.write_text(f"{before}{_BEGIN}\n{text}\n\n{_END}{after}")


if __name__ == "__main__":
    main()
