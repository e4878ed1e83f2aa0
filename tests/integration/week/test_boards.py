"""Analyses on boards: the same rows as the command prints, in the preview's dialect and in Grafana's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest

from dashboards import amounts
from dashboards.analysis_columns import PANELS
from dashboards.boards import board
from dashboards.grafana import statement
from dashboards.panel import PanelType
from kpis.analyses.catalogue import ANALYSES
from kpis.analyses.finished import FINISHED
from kpis.query import ALL_TENANTS, Scope
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from storage.connection import connect
from storage.reading import query_rows
from tests.integration.week.test_dashboards import EVERYTHING, answer
from tests.simulated_week import Week

pytestmark = pytest.mark.stack

# A week has no whole month or week that is over, and the statement completes nothing.
_EMPTY: Final = {"impact"}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose numbers can be compared: NULL and NaN are nothing, amounts are floats."""
    cells: dict[str, Any] = {}
    for name, cell in row.items():
        value = float(cell) if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) else cell
        value = str(value) if isinstance(value, UUID) else value
        cells[name] = None if isinstance(value, float) and math.isnan(value) else value
    return cells


def ordered(rows: list[Any], name: str) -> list[dict[str, Any]]:
    labels = ("user_id", "tenant", *PANELS[name].labels, "experiment", "arm", "control")
    found = [plain(row) for row in rows]
    return sorted(found, key=lambda row: [str(row.get(label, "")) for label in labels])


@pytest.mark.parametrize("all_tenants", [False, True], ids=["one tenant", "all"])
@pytest.mark.parametrize("name", ANALYSES)
def test_rows_are_completed_in_sql_as_the_command_completes_them(week: Week, name: str, *, all_tenants: bool) -> None:
    who: Any = ALL_TENANTS if all_tenants else week.tenant
    is_fault = name == "fault-cost"  # of the incidents' day; the days before are the baseline
    start = week.end - timedelta(days=1) if is_fault else week.start
    scope = Scope(start, week.end, who, provider="shopify" if is_fault else None, as_of=week.end)
    analysis, dialect = ANALYSES[name], Bound(scope)
    sql = FINISHED[name](f"({analysis.sql(QueryContext(dialect))})")
    with connect(week.address) as client:
        told = ordered(query_rows(client, sql, dialect.parameters), name)
        wanted = ordered(analysis.finish(query_rows(client, *analysis.query(scope))), name)
    assert wanted or name in _EMPTY
    assert_same(told, wanted)
    columns = {column.name for column in PANELS[name].columns}
    assert not wanted or columns == wanted[0].keys() - {"user_id"}


def assert_same(told: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    assert len(told) == len(wanted)
    for mine, theirs in zip(told, wanted, strict=True):
        assert mine.keys() == theirs.keys()
        for column, value in theirs.items():
            same = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert mine[column] == same, f"{column} of {theirs}"


_CELL: Final = "user_id String, stage String, channel String"
_MADE: Final = {
    "savings": "user_id String, conversations UInt64, durable UInt64, confirmed UInt64, gross Nullable(Float64), "
    "gross_confirmed Nullable(Float64), at_most Nullable(Float64), lacking Bool",
    "incremental": f"{_CELL}, data_used Bool, conversations UInt64, earned Float64, earned_squares Float64",
    "conversion": f"{_CELL}, data_used Bool, data_type String, conversations UInt64, conversions UInt64, rated UInt64, "
    "stars_sum Float64, stars_squares Float64",
    "fault-cost": f"{_CELL}, affected Bool, conversations UInt64, failed_answers UInt64, durable UInt64, "
    "handed_over UInt64, earned Float64, earned_squares Float64, contact_cost Nullable(Decimal(38, 4))",
}
_MADE_OF: Final = {**_MADE, "satisfaction": _MADE["conversion"]}


def made_up(name: str, random: Random) -> list[dict[str, Any]]:
    """Return rows of an analysis that no simulator makes: empty cells, no spread, tenants with and without prices."""
    rows = []
    for tenant in "ab":
        cost = None if tenant == "b" else "6.50"
        n = random.choice([0, 1, 40, 900])
        durable = random.randint(0, n)
        confirmed = random.randint(0, durable)
        if name == "savings":
            counts = {"gross": durable, "gross_confirmed": confirmed, "at_most": n}
            money = {column: 6.5 * count if cost else None for column, count in counts.items()}
            made = {"user_id": tenant, "conversations": n, "durable": durable, "confirmed": confirmed, **money}
            rows.append({**made, "lacking": cost is None})
            continue
        for stage in ("", "buying", "using"):
            for split in (False, True):
                for data_type in ["", *(["orders", "contacts"] if split else [])]:
                    n = random.choice([0, 1, 2, 9, 10, 40, 300])
                    hits = random.randint(0, n)
                    values = [random.choice([1.0, 3.5, 5.0]) for _ in range(n)]
                    total, squares = sum(values), sum(value * value for value in values)
                    every = {
                        "user_id": tenant, "stage": stage, "channel": "web_chat", "data_used": split,
                        "affected": split, "data_type": data_type, "conversations": n, "conversions": hits, "rated": n,
                        "stars_sum": total, "stars_squares": squares, "earned": total, "earned_squares": squares,
                        "failed_answers": hits, "durable": hits, "handed_over": n - hits, "contact_cost": cost,
                    }  # fmt: skip
                    columns = [one.split()[0] for one in _MADE_OF[name].split(", ") if one[0].isalpha()]
                    if n and (data_type == "" or "data_type" in columns):
                        rows.append({column: every[column] for column in columns if column in every})
    return rows


@pytest.mark.parametrize("name", _MADE_OF)
def test_odd_rows_are_completed_in_sql_as_the_command_completes_them(week: Week, name: str) -> None:
    random = Random(7)
    with connect(week.address) as client:
        for _ in range(12):
            lines = "\n".join(json.dumps(row) for row in made_up(name, random))
            made = f"(SELECT * FROM format(JSONEachRow, '{_MADE_OF[name]}', '{lines}'))"
            wanted = ordered(ANALYSES[name].finish(query_rows(client, f"SELECT * FROM {made}", {})), name)
            assert_same(ordered(query_rows(client, FINISHED[name](made), {}), name), wanted)


def test_grafana_and_the_preview_show_every_analysis_of_a_board(week: Week, tmp_path: Path) -> None:
    panels = ""
    for name, how in PANELS.items():
        where = "        where: {provider: shopify}\n" if how.needs else ""
        panels += f"      - analysis: {name}\n{where}"
        panels += f"      - analysis: {name}\n        show: bars\n        of: {how.numbers[-1]}\n{where}"
    rows = "".join(
        f"  - title: Row {number}\n    panels:\n" + "      - analysis".join(["", *part])
        for number, part in enumerate(_of_six(panels.split("      - analysis")[1:]))
    )
    path = tmp_path / "all.yaml"
    path.write_text(f"id: all-of-them\ntitle: All\nabout: Every analysis.\nrange: 7d\nrows:\n{rows}", encoding="utf-8")
    tab = board(path)
    assert len(tab.panels) == 2 * len(PANELS)
    whole = Scope(week.start, week.end, ALL_TENANTS, as_of=week.end)
    with connect(week.address) as client:
        for panel in tab.panels:
            # Bars of amounts in several currencies would lie beside each other.
            of_one = panel.picture is PanelType.BARS and bool(amounts.amounts(panel))
            scope = replace(whole, tenant=week.tenant) if of_one else whole
            for one in panel.asks.values():
                dialect = Bound(scope)
                previewed = query_rows(client, one.render(dialect), dialect.parameters)
                chosen = {**EVERYTHING, "tenant": str(week.tenant)} if of_one else EVERYTHING
                shown = answer(client, week, statement(panel, one, tab), chosen)
                assert len(shown) == len(previewed) > (-1 if panel.title.startswith("Business impact") else 0), (
                    panel.title
                )


def _of_six(parts: list[str]) -> list[list[str]]:
    return [parts[first : first + 6] for first in range(0, len(parts), 6)]
