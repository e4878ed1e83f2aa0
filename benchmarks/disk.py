"""``make bench-disk``: disk space of events in ClickHouse by table, after merges (docs/scaling.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from clickhouse_connect.driver.client import Client

from embedded.database import Database
from jobs.roll_ups import refresh
from models.topics import QUERIES
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.loading import Loader

_DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_TABLES: Final = """
SELECT p.table AS name, sum(p.rows) AS rows, sum(p.bytes_on_disk) AS bytes FROM system.parts AS p
WHERE p.database = currentDatabase() AND p.active AND p.rows > 0 GROUP BY name ORDER BY bytes DESC
"""
_LEFT_OUT: Final = frozenset({"schema_columns", "schema_migrations", "rollup_progress", "touched_conversations"})


class Taken(NamedTuple):
    """A table: its number of rows, and its bytes on disk after merging."""

    name: str
    rows: int
    bytes: int


def main(
    events: Annotated[int, typer.Option(min=10_000, help="Approximate number of events of all topics")] = 400_000,
    hours: Annotated[int, typer.Option(min=1, help="Hours of event time")] = 24,
    write: Annotated[bool, typer.Option("--write", help="Write the table into docs/benchmarks.md")] = False,
) -> None:
    """Load simulated events as a worker writes them, compute the roll-ups, merge, and print the disk space."""
    now = datetime.now(UTC).replace(microsecond=0)
    span = timedelta(hours=hours)
    scenario = Scenario(
        seed=3, start=now - span, end=now, tenants=DEFAULT_TENANTS, rate=rate_for(events, span), incidents_per_day=1
    )
    with Database() as database:
        address = ClickHouseAddress(database.url, "disk")
        migrate(address)
        loader = Loader(ClickHouseSink(address), now)
        sent = queries = size = 0
        for part in scenario.history():
            messages = list(part)
            loader.load(messages)
            sent += len(messages)
            size += sum(len(value) for _, _, value in messages)
            queries += sum(topic == QUERIES.name for topic, _, _ in messages)
        with connect(address, answer_seconds=600) as client:
            refresh(client)
            taken = _merged(client)
    text = _table(taken, sent, queries, hours, size)
    typer.echo(text)
    if write:
        _put(text)


def _merged(client: Client) -> list[Taken]:
    for row in query_rows(client, _TABLES, {}):
        client.command(f"OPTIMIZE TABLE {row['name']} FINAL")
    return [Taken(**row) for row in query_rows(client, _TABLES, {}) if row["name"] not in _LEFT_OUT]


def _table(taken: list[Taken], sent: int, queries: int, hours: int, size: int) -> str:
    lines = [
        "| table | rows | bytes | bytes per row | bytes per event of all topics |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    total = sum(one.bytes for one in taken)
    lines += [
        f"| {one.name} | {one.rows:,} | {one.bytes:,} | {one.bytes / one.rows:.1f} | {one.bytes / sent:.1f} |"
        for one in taken
        if one.bytes >= 0.001 * total
    ]
    lines.append(f"| all | | {total:,} | | {total / sent:.1f} |")
    about = f"{sent:,} events ({queries:,} queries) of {len(DEFAULT_TENANTS)} tenants in {hours} hours, merged. "
    about += f"A message has {size / sent:.0f} bytes of JSON on average."
    return "\n".join([about, "", *lines])


def _put(text: str) -> None:
    begin, end = "<!-- make bench-disk: begin -->", "<!-- make bench-disk: end -->"
    document = _DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = document.partition(begin)
    _, _, after = rest.partition(end)
    _DOCUMENT.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
