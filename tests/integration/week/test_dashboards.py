"""Every statement of the generated dashboards, as Grafana would send it, against a week of the simulator."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from dashboards import tiles, variables
from dashboards.clickhouse import PLUGIN
from dashboards.tabs import ALL as ALL_TABS
from dashboards.tabs import executive
from kpis.query import ALL_TENANTS, Interval, Scope, build_query, select
from kpis.sql.dialect import Bound
from kpis.sql.dialect import Grafana as InGrafana
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from streams.grafana_live import LivePush
from tests.contracts.sink_rows import batch_of, row_of
from tests.grafana_text import ALL, expanded
from tests.live_grafana import Grafana
from tests.simulated_week import Week

pytestmark = pytest.mark.stack

_FILES: Final = sorted(Path("deploy/grafana/dashboards").glob("*/*.json"))
_NUMBERS: Final = {"stat", "gauge", "bargauge", "timeseries", "barchart", "heatmap", "geomap"}
# What a week of two tenants cannot have.
_EMPTY: Final = {
    "romashka-predictive 10": "a model of churn needs months of customers",
    "romashka-predictive 11": "a model of upsell needs months of customers",
    "romashka-predictive 22": "needs are found over two weeks",
    "romashka-predictive 23": "a change is told from four weeks of a figure",
    "romashka-predictive 31": "no model has predicted anything",
    "romashka-predictive 32": "no model has predicted anything",
    "romashka-predictive 33": "no model has predicted anything",
    "romashka-predictive 34": "nobody has given a verdict",
    "romashka-predictive 35": "nobody has given a verdict",
    "romashka-predictive 36": "nobody has given a verdict",
    "romashka-predictive 37": "no threshold was changed",
    "romashka-pipeline 40": "every message of the simulator is a valid event",
    "romashka-executive 21": "the incidents are over",
    "romashka-executive 22": "there is no period before the week to compare with",
    "romashka-realtime 2": "the incidents are over",
}
# Only a ClickHouse server has it; the embedded engine keeps no log of statements.
_SERVER_ONLY: Final = "system.query_log"
_HOSTILE: Final = (
    "') OR 1=1 --",
    "\\') OR 1=1 /*",
    "{a},{b}' UNION ALL SELECT 1 -- ",
    "%27) OR 1=1 --\n",
    "${tenant:raw} $__toTime ü☃ %",
    "\\",
)


class Statement(NamedTuple):
    """One statement of a file, where it is, and how it is drawn."""

    place: str
    sql: str
    picture: str
    frame: int
    columns: frozenset[str]


def of_file(path: Path) -> Iterator[Statement]:
    """Yield what the dashboard's panels ask of ClickHouse."""
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    for panel in (one for top in dashboard["panels"] for one in (top, *top.get("panels", ()))):
        named = frozenset(
            one["matcher"]["options"]
            for one in panel.get("fieldConfig", {}).get("overrides", [])
            if one["matcher"]["id"] == "byName"
        )
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == PLUGIN and _SERVER_ONLY not in target["rawSql"]:
                place = f"{dashboard['uid']} {panel['id']}"
                yield Statement(place, target["rawSql"], panel["type"], target["format"], named)


STATEMENTS: Final = [one for path in _FILES for one in of_file(path)]
VARIABLES: Final = {
    variable["name"]: variable["query"]["rawSql"]
    for path in _FILES
    for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
    if variable["type"] == "query"
}
MARKS: Final = {
    mark["name"]: mark["target"]["rawSql"]
    for path in _FILES
    for mark in json.loads(path.read_text(encoding="utf-8"))["annotations"]["list"]
    if mark["datasource"]["type"] == PLUGIN
}
EVERYTHING: Final = dict.fromkeys(VARIABLES, ALL)


def test_a_chart_that_shares_the_answer_of_its_tile_shows_what_it_would_ask_for_itself(week: Week) -> None:
    panels = {panel.id: panel for panel in executive.TAB.panels}
    drawn = [(panel, ask, ask.shared) for panel in panels.values() for ask in panel.asks.values() if ask.shared]
    assert [panel.id for panel, *_ in drawn] == [10, 11]
    whole_days = Scope(week.start.replace(hour=0) + timedelta(days=1), week.end.replace(hour=0), week.tenant)
    with connect(week.address) as client:
        for panel, ask, shared in drawn:
            tile = panels[shared.panel].tile
            assert tile is not None
            dialects = Bound(whole_days), Bound(whole_days)
            own = query_rows(client, ask.render(dialects[0]), dialects[0].parameters)
            given = query_rows(client, tiles.statement(tile, dialects[1]), dialects[1].parameters)
            steps = [row for row in given if row[shared.line] is not None]
            assert len(own) == 6
            assert [row["time"] for row in steps] == [row["time"] for row in own]
            for column in panel.columns:
                figures = [float(row[column.name]) for row in own]
                assert [row[column.name] for row in steps] == pytest.approx(figures)


@pytest.fixture(scope="module")
def client(week: Week) -> Iterator[Client]:
    with connect(week.address) as opened:
        yield opened


def answer(
    client: Client, week: Week, sql: str, variables: Mapping[str, Any] = EVERYTHING, start: datetime | None = None
) -> list[dict[str, Any]]:
    found = client.query(expanded(sql, variables, start or week.start, week.end), tz_mode="naive_utc")
    # What columns of two kinds have in common: Grafana's plugin cannot read it.
    kinds = {kind.name for kind in found.column_types if "Variant" in kind.name or "Dynamic" in kind.name}
    assert not kinds, f"{kinds} in {sql[:200]}"
    return list(found.named_results())


def is_number(cell: Any) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)


def says_something(one: Statement, rows: list[dict[str, Any]]) -> bool:
    """Whether there are rows, and a number where the picture is of numbers."""
    return bool(rows) and (one.picture not in _NUMBERS or any(is_number(cell) for row in rows for cell in row.values()))


def test_every_panel_has_the_rows_and_columns_that_its_picture_needs(client: Client, week: Week) -> None:
    empty = set()
    for one in STATEMENTS:
        rows = answer(client, week, one.sql)
        if not says_something(one, rows):  # money is one tenant's: there is no sum of currencies
            rows = answer(client, week, one.sql, {**EVERYTHING, "tenant": str(week.tenant)})
        if not says_something(one, rows):
            empty.add(one.place)
            continue
        assert one.columns <= rows[0].keys(), one.place
        if one.frame == 0 or one.picture == "state-timeline":
            check_series(one, rows)
        if one.picture == "nodeGraph":
            assert {"id", "mainstat"} <= rows[0].keys(), one.place
    assert empty == _EMPTY.keys()


def check_series(one: Statement, rows: list[dict[str, Any]]) -> None:
    """A time series: the time first and ascending, then labels and numbers, nothing that Grafana cannot tell apart."""
    names = list(rows[0])
    assert names[0] == "time", one.place
    assert all(isinstance(row["time"], datetime) for row in rows), one.place
    assert all(earlier["time"] <= later["time"] for earlier, later in pairwise(rows)), one.place
    labels = [name for name in names[1:] if any(isinstance(row[name], str) for row in rows)]
    keys = [(row["time"], *(row[name] for name in labels)) for row in rows]
    if one.picture != "state-timeline":
        assert len(set(keys)) == len(keys), f"{one.place}: two values of one series at one moment"
    for name in set(names[1:]) - set(labels):
        assert all(row[name] is None or is_number(row[name]) for row in rows), (one.place, name)


def test_one_tenant_one_integration_and_several_query_types_narrow_what_is_shown(client: Client, week: Week) -> None:
    some = {**EVERYTHING, "tenant": str(week.tenant), "provider": ["shopify"], "query_type": ["order_status", "x,y"]}
    narrowed = 0
    for one in STATEMENTS:
        rows = answer(client, week, one.sql, some)
        for name in {"provider", "integration_provider"} & (rows[0].keys() if rows else set()):
            if "${provider:" in one.sql:
                assert {row[name] for row in rows} <= {"shopify"}, one.place
                narrowed += 1
    assert narrowed > 3


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_offers_texts(client: Client, week: Week, name: str) -> None:
    rows = answer(client, week, VARIABLES[name])
    assert rows
    # One column, or a value and what people read for it.
    assert all(len(row) <= 2 and all(isinstance(cell, str) and cell for cell in row.values()) for row in rows)


@pytest.mark.parametrize("name", MARKS)
def test_every_annotation_has_the_columns_of_one(client: Client, week: Week, name: str) -> None:
    sql = expanded(MARKS[name], EVERYTHING, week.start, week.end)
    assert {"time", "title"} <= {row["name"] for row in query_rows(client, f"DESCRIBE ({sql})", {})}
    rows = answer(client, week, MARKS[name])
    # Only warnings are marked; the week's changes of figures are information. No threshold was changed.
    assert bool(rows) == (name not in {"KPI changes", "Threshold changes"})
    for row in rows:
        assert isinstance(row["time"], datetime)
        assert row["title"]
        assert row.get("timeEnd") is None or row["timeEnd"] >= row["time"]


@pytest.mark.long
def test_nothing_in_a_variable_leaves_its_literal(client: Client, week: Week) -> None:
    """Every statement with all of it at once, and some with each of the texts."""
    recent = week.end - timedelta(hours=3)
    asked = [one for one in STATEMENTS if "${" in one.sql]
    assert len(asked) > len(_HOSTILE)
    for place, one in enumerate(asked):
        for text in ("".join(_HOSTILE), *(_HOSTILE if place % 16 == 0 else ())):
            found = answer(client, week, one.sql, chosen(text), recent)
            if found:  # totals of nothing are a row
                nothing = answer(client, week, one.sql, chosen("no such value"), recent)
                assert [row.keys() for row in found] == [row.keys() for row in nothing], (one.place, text)


def chosen(text: str) -> dict[str, Any]:
    """The text in every variable; several values may be chosen of all but the tenant."""
    return {**{name: [text, text] for name in VARIABLES}, "tenant": text}


def test_a_tile_has_the_figure_of_its_range_last_and_that_of_the_period_before_first(
    client: Client, week: Week
) -> None:
    middle = week.start + (week.end - week.start) / 2
    middle = middle.replace(minute=0, second=0, microsecond=0)
    end = week.end.replace(minute=0, second=0, microsecond=0)
    before = Scope(middle - (end - middle), middle, week.tenant)
    compared = 0
    for tab in ALL_TABS:
        for panel in tab.panels:
            if panel.tile is None or panel.tile.asks != panel.id:
                continue
            sql = tiles.statement(panel.tile, InGrafana())
            rows = query_rows(client, expanded(sql, {"tenant": str(week.tenant)}, middle, end), {})
            (now,) = query_rows(client, *build_query(panel.tile.group, Scope(middle, end, week.tenant)))
            (then,) = query_rows(client, *build_query(panel.tile.group, before))
            for id_ in panel.tile.group:
                assert rows[-1][id_] == (None if now[id_] is None else pytest.approx(float(now[id_]))), id_
                says = rows[-1][f"{id_}_says"]
                if now[id_] is None:
                    assert says, id_
                elif rows[0][id_] != math.inf:
                    assert rows[0][id_] == pytest.approx(float(then[id_])), id_
                    compared += 1
                assert all(row[id_] is None for row in (rows[1], rows[-2])), id_
    assert compared > 10


def test_where_there_was_nothing_before_a_tile_shows_no_change(client: Client, week: Week) -> None:
    """Grafana compares the last value with the first: without one of the period before, that is the first day's."""
    nobody = "0a6f7d52-0000-4b7a-9f7e-5b0c1d2e3f01"
    for tab in ALL_TABS:
        for panel in tab.panels:
            if panel.tile is None or panel.tile.asks != panel.id:
                continue
            sql = tiles.statement(panel.tile, InGrafana())
            for tenant in (str(week.tenant), nobody):
                first, gap, *_ = query_rows(client, expanded(sql, {"tenant": tenant}, week.start, week.end), {})
                for id_ in panel.tile.group:
                    assert first[id_] == math.inf, id_
                    assert gap[id_] is None, id_


def test_the_last_minutes_are_pushed_to_grafana_live_as_the_registry_has_them(client: Client, week: Week) -> None:
    grafana = Grafana()
    thread = Thread(target=grafana.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    busy, silent = week.incidents[0].start + timedelta(seconds=20), week.start - timedelta(days=1)
    try:
        for now in (busy, silent):
            assert LivePush(grafana.url, "token").run(client, now) == ()
    finally:
        grafana.close()
        thread.join()
    ((_, _, text),) = grafana.taken
    minutes = Scope(busy.replace(second=0) - timedelta(minutes=4), busy, ALL_TENANTS)
    expected = {
        row["provider"]: (row["query_count"] / (4 + 20 / 60), row["error_rate"])
        for row in query_rows(client, *build_query(["query_count", "error_rate"], minutes, by=["provider"]))
    }
    pushed = {}
    for line in text.splitlines():
        found = re.fullmatch(
            r"monitor,integration=(\w+) queries_per_minute=([\d.]+),error_rate=([\d.]+),latency_p95_ms=[\d.]+ \d{19}",
            line,
        )
        assert found is not None, line
        pushed[found[1]] = (float(found[2]), float(found[3]))
    assert pushed.keys() == expected.keys()
    for provider, figures_ in pushed.items():
        assert figures_ == pytest.approx(expected[provider], abs=0.01)


def test_panels_that_share_an_answer_show_what_they_would_ask_alone(client: Client, week: Week) -> None:
    dialect = Bound(Scope(week.end - timedelta(minutes=15), week.end, ALL_TENANTS, as_of=week.end))
    asks = [(panel, one) for tab in ALL_TABS for panel in tab.panels for one in panel.asks.values()]
    shared = [(panel, one) for panel, one in asks if one.shared is not None and not one.shared.line]
    assert len(shared) > 5
    for panel, one in shared:
        assert one.shared is not None
        alone = query_rows(client, one.render(dialect), dialect.parameters)
        whole = query_rows(client, one.shared.render(dialect), dialect.parameters)
        assert alone, panel.title
        assert alone == [{name: row[name] for name in alone[0]} for row in whole], panel.title


@pytest.mark.parametrize(
    ("ids", "every"),
    [
        (("durable_resolution_rate", "csat", "conversation_count"), Interval.DAY),
        (("net_savings", "roi"), Interval.DAY),
        (("gross_savings", "influenced_revenue"), Interval.DAY),
        (("conversion_lift", "csat_lift"), None),
    ],
)
@pytest.mark.parametrize("minutes", [0, 24 * 60, 90, 31 * 60 + 7])
def test_a_figure_cut_at_a_moment_is_that_of_either_side(
    week: Week, ids: tuple[str, ...], every: Interval | None, minutes: int
) -> None:
    start, end = week.start + timedelta(hours=5, minutes=13), week.end - timedelta(hours=3)
    middle = week.start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3, minutes=minutes)
    cut = f"toDateTime('{middle:%Y-%m-%d %H:%M:%S}', 'UTC')"
    both = Bound(Scope(start, end, week.tenant))
    with connect(week.address) as client:
        rows = query_rows(
            client, select(ids, both, every=every, bounds=False, total=every is not None, cut=cut), both.parameters
        )
        for earlier, scope in (
            (True, Scope(start, middle, week.tenant)),
            (False, Scope(middle, end, week.tenant)),
        ):
            (whole,) = query_rows(client, select(ids, Bound(scope), bounds=False), Bound(scope).parameters)
            (found,) = (
                row for row in rows if row["earlier"] == earlier and (every is None or row["time"].year == 1970)
            )
            for id_ in ids:
                assert found[f"{id_}_n"] == whole[f"{id_}_n"], id_
                assert found[id_] == (None if whole[id_] is None else pytest.approx(whole[id_])), id_


def test_the_lists_at_the_top_offer_what_events_name(week: Week) -> None:
    asked = {name: sql for tab in ALL_TABS for name, sql in variables.statements(tab).items()}
    of_events = {
        "tenant": "SELECT DISTINCT toString(user_id) FROM integration_query_metrics",
        "provider": "SELECT DISTINCT integration_provider FROM integration_query_metrics",
        "query_type": "SELECT DISTINCT query_type FROM integration_query_metrics",
        **{
            name: f"SELECT DISTINCT {column} FROM conversation_outcomes WHERE {column} != ''"
            for name, column in {"channel": "channel", "country": "country", "segment": "customer_segment"}.items()
        },
    }
    assert asked.keys() == of_events.keys()
    with connect(week.address) as client:
        for name, sql in asked.items():
            offered = [row[0] for row in client.query(sql).result_rows]
            expected = {row[0] for row in client.query(of_events[name]).result_rows}
            assert set(offered) == expected, name
            assert len(offered) == len(expected) > 1, name


def test_a_tenant_without_health_events_can_be_chosen(database: ClickHouseAddress) -> None:
    sink, tenant = ClickHouseSink(database), UUID(int=7)
    sink.write("known_tenants", batch_of("known_tenants", row_of("known_tenants", user_id=tenant.bytes)))
    with connect(database) as client:
        offered = client.query(variables.statements(ALL_TABS[0])["tenant"]).result_rows
    assert offered == [(str(tenant), str(tenant)[:8])]
