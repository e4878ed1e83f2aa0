"""Exports from a real ClickHouse: to the last row, with nothing in memory, and nobody named who should not be."""

from __future__ import annotations

import codecs
import csv
import io
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.client import Client

from kpis.query import build_query
from kpis.scope import ALL_TENANTS, Interval, Scope
from models.errors import SettingsError
from reports.export import Exported, export, export_to_file
from reports.export_request import CsvStyle, ExportFormat, ExportRequest
from reports.export_tables import EXPORTABLE
from storage.audit import newest
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from streams.kafka import KafkaAddress
from tests.spare_databases import SpareDatabases
from tests.worker_process import environment, romashka

pytestmark = pytest.mark.stack

TENANT = UUID("0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01")
ROWS = 200_000
NOVEMBER = Scope(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), TENANT)
MALTA = 4  # customers there: fewer than the floor
# 200,000 queries of 1,000 customers, all in Germany but for four in Malta; some names look like formulas.
_LOAD = f"""
INSERT INTO integration_query_metrics (event_id, user_id, created_at, customer_id, channel, country, customer_segment,
    conversation_id, integration_provider, query_type, query_success, response_time_ms, data_freshness_hours)
SELECT toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number), 12, '0'))), '{TENANT}',
    toDateTime64('2026-11-01 00:00:00.123', 3, 'UTC') + number * 10, concat('k1.', toString(number % 1000)), 'web',
    if(number % 1000 < {MALTA}, 'MT', 'DE'), 'smb', generateUUIDv4(), ['hubspot', 'shopify'][1 + number % 2],
    ['=cmd|calc', 'lookup'][1 + number % 2], number % 7 != 0, number, (number % 100) / 10
FROM numbers({ROWS})
"""
_EVERYTHING = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from uuid import UUID
from kpis.scope import Scope
from reports.export import export_to_file
from reports.export_request import CsvStyle, ExportFormat, ExportRequest
from storage.connection import ClickHouseAddress, connect
scope = Scope(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), UUID(sys.argv[3]))
with connect(ClickHouseAddress(sys.argv[1], sys.argv[2])) as client:
    for format in ("csv", "parquet"):
        request = ExportRequest("queries", scope, ExportFormat(format))
        export_to_file(client, request, Path(sys.argv[4]) / f"all.{format}", lambda rows, total: None)
# Not getrusage: its peak counts the process that this one was forked from.
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
print(next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0))
"""


def nobody(_: int, __: int) -> None:
    """Watch no progress."""


@pytest.fixture(scope="module")
def loaded(spare_databases: SpareDatabases) -> Iterator[ClickHouseAddress]:
    """Read it only."""
    lent = spare_databases.lend()
    with connect(lent) as client:
        client.command(_LOAD)
    yield lent
    spare_databases.take_back(lent)


@pytest.fixture(scope="module")
def client(loaded: ClickHouseAddress) -> Iterator[Client]:
    with connect(loaded) as opened:
        yield opened


def done(client: Client, format_: ExportFormat, **changes: Any) -> tuple[Exported, bytes]:
    """Export an hour (360 queries) unless told otherwise."""
    hour = Scope(NOVEMBER.start, datetime(2026, 11, 1, 1, tzinfo=UTC), TENANT)
    target = io.BytesIO()
    request = ExportRequest(**{"what": "queries", "scope": hour, "format": format_, **changes})
    return export(client, request, target, lambda _, __: None), target.getvalue()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.long
def test_everything_arrives_in_order_to_the_last_row_in_little_memory(
    loaded: ClickHouseAddress, tmp_path: Path
) -> None:
    arguments = [loaded.url, loaded.database, str(TENANT), str(tmp_path)]
    ran = subprocess.run([sys.executable, "-c", _EVERYTHING, *arguments], capture_output=True, text=True, check=True)

    assert int(ran.stdout) < 300, "MB at most"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "all.parquet"]
    with (tmp_path / "all.csv").open(newline="") as file:
        numbers = [int(row["response_time_ms"]) for row in csv.DictReader(file)]
    assert numbers == list(range(ROWS))
    table = pq.read_table(tmp_path / "all.parquet")
    assert table.column("response_time_ms").to_pylist() == numbers
    last = table.slice(ROWS - 1).to_pylist()[0]
    assert last["event_id"] == f"00000000-0000-0000-0000-{ROWS - 1:012d}"
    assert last["data_freshness_hours"] == Decimal("9.9")
    assert "customer_id" not in table.column_names


def test_cells_that_look_like_formulas_are_disarmed_where_spreadsheets_read_them(client: Client) -> None:
    _, as_csv = done(client, ExportFormat.CSV)
    _, as_lines = done(client, ExportFormat.JSONL)
    _, as_book = done(client, ExportFormat.XLSX)

    assert {row["query_type"] for row in rows(as_csv)} == {"'=cmd|calc", "lookup"}
    assert {json.loads(line)["query_type"] for line in as_lines.splitlines()} == {"=cmd|calc", "lookup"}
    sheet = openpyxl.load_workbook(io.BytesIO(as_book)).active
    assert sheet is not None
    place = [cell.value for cell in sheet[1]].index("query_type")
    assert sheet.max_row == 361
    assert {row[place].data_type for row in sheet.iter_rows(min_row=2)} == {"s"}


class Asked(NamedTuple):
    """An export, and its column of times."""

    what: str
    time: str
    by: tuple[str, ...] = ()
    every: Interval | None = None


_EVERYTHING_ASKED = [
    *(Asked(name, table.time) for name, table in EXPORTABLE.items()),
    Asked("query_success_rate", "time", ("provider",), Interval.DAY),
    Asked("query_count", "time", ("tenant",), Interval.HOUR),
]


@pytest.mark.parametrize("asked", _EVERYTHING_ASKED, ids=lambda asked: asked.what)
def test_times_are_times_and_rates_are_rates_in_every_format(client: Client, tmp_path: Path, asked: Asked) -> None:
    hours = replace(NOVEMBER, end=datetime(2026, 11, 1, 3, tzinfo=UTC))

    def made(format_: ExportFormat) -> Path:
        path = tmp_path / f"any.{format_}"
        export_to_file(client, ExportRequest(asked.what, hours, format_, asked.by, asked.every), path, nobody)
        return path

    table = pq.read_table(made(ExportFormat.PARQUET))
    assert pa.types.is_timestamp(table.schema.field(asked.time).type)
    for field in table.schema:
        if field.name.endswith(("_at", "_start", "_end", "_time", "time")):
            assert pa.types.is_timestamp(field.type) or pa.types.is_date(field.type), field
    files = {format_: made(format_) for format_ in ExportFormat}
    if not table.num_rows:
        return
    moment = table.column(asked.time)[0].as_py()
    lines = files[ExportFormat.JSONL].read_text().splitlines()
    assert datetime.fromisoformat(json.loads(lines[0])[asked.time]) == moment
    first = next(csv.DictReader(io.StringIO(files[ExportFormat.CSV].read_text())))
    assert datetime.fromisoformat(first[asked.time]) == moment
    sheet = openpyxl.load_workbook(files[ExportFormat.XLSX]).worksheets[0]
    cells = {str(head.value): cell for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert isinstance(cells[asked.time].value, datetime)
    assert sheet.column_dimensions[cells[asked.time].coordinate.rstrip("0123456789")].width >= 19
    assert asked.what != "query_success_rate" or cells[asked.what].number_format == "0.0%"


def test_csv_for_excel_has_a_mark_plain_times_and_decimal_commas_where_told(client: Client, tmp_path: Path) -> None:
    hour = replace(NOVEMBER, end=datetime(2026, 11, 1, 1, tzinfo=UTC))
    path = tmp_path / "any.csv"
    request = ExportRequest("queries", hour, ExportFormat.CSV, csv=CsvStyle(excel=True, separator=";", decimal=","))
    export_to_file(client, request, path, nobody)
    assert path.read_bytes().startswith(codecs.BOM_UTF8)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=";"))
    assert rows[1]["created_at"] == "2026-11-01 00:00:10"
    assert float(rows[1]["data_freshness_hours"].replace(",", ".")) == 0.1
    assert "." not in rows[1]["data_freshness_hours"]
    with pytest.raises(SettingsError, match="are for csv"):
        ExportRequest("queries", hour, ExportFormat.JSONL, csv=CsvStyle(excel=True))


def test_json_lines_and_excel_hold_numbers_and_times(client: Client) -> None:
    _, as_lines = done(client, ExportFormat.JSONL)
    _, as_book = done(client, ExportFormat.XLSX)

    first = json.loads(as_lines.splitlines()[1])
    assert (first["response_time_ms"], first["query_success"], first["data_freshness_hours"]) == (1, True, 0.1)
    assert first["created_at"] == "2026-11-01T00:00:10.123+00:00"
    assert first["ai_confidence_score"] is None
    sheet = openpyxl.load_workbook(io.BytesIO(as_book)).active
    assert sheet is not None
    heading = [cell.value for cell in sheet[1]]
    cells = dict(zip(heading, (cell.value for cell in sheet[3]), strict=True))
    assert str(cells["created_at"]) == "2026-11-01 00:00:10.123000"
    assert (cells["response_time_ms"], cells["data_freshness_hours"]) == (1, 0.1)


def test_customers_are_named_on_request_and_in_large_enough_groups_only(client: Client) -> None:
    plain, without = done(client, ExportFormat.CSV)
    asked, named = done(client, ExportFormat.CSV, customers=True, scope=NOVEMBER)

    assert "customer_id" not in rows(without)[0]
    assert (plain.withheld, asked.withheld) == (0, MALTA * ROWS // 1000)
    found = rows(named)
    assert len(found) == ROWS
    assert {row["country"] for row in found} == {"DE", ""}
    hidden = [row for row in found if not row["country"]]
    assert {(row["customer_id"], row["conversation_id"], row["channel"]) for row in hidden} == {("", "", "")}
    assert len({row["customer_id"] for row in found}) == 1000 - MALTA + 1


def test_rows_that_are_about_one_customer_are_left_out_of_small_groups(client: Client) -> None:
    other, large = uuid.uuid4(), uuid.uuid4()
    for tenant, customers in ((other, 4), (large, 5)):
        scores = [("churn", tenant, f"k1.{number}", NOVEMBER.start, 0.5, 0.1) for number in range(customers)]
        names = ["model", "user_id", "customer_id", "scored_at", "probability", "prior"]
        client.insert("customer_scores", scores, column_names=names)
    scope = Scope(NOVEMBER.start, NOVEMBER.end, ALL_TENANTS)

    unnamed, nothing = done(client, ExportFormat.CSV, what="scores", scope=scope)
    named, content = done(client, ExportFormat.CSV, what="scores", scope=scope, customers=True)

    assert (unnamed.rows, rows(nothing)) == (0, [])
    assert (named.rows, named.withheld) == (5, 4)
    assert {row["user_id"] for row in rows(content)} == {str(large)}


@pytest.mark.parametrize("what", EXPORTABLE)
@pytest.mark.parametrize("tenant", [TENANT, ALL_TENANTS])
def test_every_table_of_the_list_can_be_exported_also_when_it_is_empty(client: Client, what: str, tenant: Any) -> None:
    scope = Scope(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC), tenant)
    for format_ in (ExportFormat.CSV, ExportFormat.PARQUET):
        exported, content = done(client, format_, what=what, scope=scope, customers=EXPORTABLE[what].per_customer)
        assert exported.rows == 0
        assert exported.size == len(content) > 0


def test_a_key_figure_is_exported_as_the_query_layer_has_it(client: Client) -> None:
    scope = Scope(NOVEMBER.start, NOVEMBER.end, ALL_TENANTS)
    _, content = done(
        client, ExportFormat.JSONL, what="error_rate", scope=scope, by=("tenant", "provider"), every=Interval.WEEK
    )

    expected = query_rows(client, *build_query(["error_rate"], scope, ("tenant", "provider"), Interval.WEEK))
    found = [json.loads(line) for line in content.splitlines()]
    assert [(row["provider"], row["error_rate"]) for row in found] == [
        (row["provider"], row["error_rate"]) for row in expected
    ]


def test_a_provider_narrows_what_is_exported(client: Client) -> None:
    hour = Scope(NOVEMBER.start, datetime(2026, 11, 1, 1, tzinfo=UTC), TENANT, provider=("shopify",))
    _, content = done(client, ExportFormat.CSV, scope=hour)
    assert [row["integration_provider"] for row in rows(content)] == ["shopify"] * 180


def test_an_export_that_fails_leaves_nothing_behind(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.export.MAX_BYTES", 1000)
    target = tmp_path / "queries.csv"
    target.write_text("what was there")

    with pytest.raises(SettingsError, match="take a shorter range"):
        export_to_file(client, ExportRequest("queries", NOVEMBER, ExportFormat.CSV), target, lambda _, __: None)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("queries.csv", "what was there")]


def test_the_command_exports_tells_and_is_audited(loaded: ClickHouseAddress, client: Client, tmp_path: Path) -> None:
    env = environment(KafkaAddress("127.0.0.1:1"), loaded, "g")
    target = tmp_path / "queries.parquet"
    span = ["--from", "2026-11-01", "--to", "2026-11-01T01:00"]

    told = romashka(env, "export", "queries", "--tenant", str(TENANT), *span, "--out", str(target))

    assert f"{target}: 360 rows" in told
    assert pq.read_table(target).num_rows == 360
    entries = [row for row in newest(client, datetime(2026, 1, 1, tzinfo=UTC)).rows if row.action == "export"]
    assert {entry.outcome for entry in entries} == {"begun", "ok"}
    assert json.loads(entries[0].details)["tenant"] == str(TENANT)
