"""Amounts of money as text, as the database writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from dashboards import amounts, tiles
from dashboards.files import tabs
from dashboards.panel import Column, Panel, PanelType, Tile
from dashboards.preview import sums
from jobs.roll_ups import refresh as roll_up
from kpis import currency
from kpis.figures_query import figures_query
from kpis.kpi import Unit
from kpis.query import build_query
from kpis.scope import ALL_TENANTS, AllTenants, Interval, Scope
from kpis.settings_model import new_entry
from kpis.sql.dialect import Bound
from models.insights import TRAINED_KINDS
from models.topics import OUTCOMES
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.insight_store import InsightFilter, stored_insights
from storage.reading import query_rows
from storage.tenant_settings import currencies_of, save
from storage.timeline_store import MoneyAtRisk, money_at_risk, money_text
from tests.business_stack import END, NOW, SHOP, START, batch
from tests.examples.insights import insight


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        ("-396.67", "EUR", "-€396.67"),
        ("396.6", "EUR", "€396.60"),
        ("-0.001", "EUR", "€0.00"),
        ("-12345.6", "EUR", "-€12.3 K"),
        ("-1234567", "USD", "-$1.23 M"),
        ("999999", "EUR", "€1 M"),
        ("-396.67", "JPY", "-¥397"),
        ("0.4", "KRW", "KRW 0"),
        ("-0.4", "KRW", "KRW 0"),
        ("-1.2346", "KWD", "-KWD 1.235"),
        ("1.2", "BHD", "BHD 1.200"),
        ("-1.23456", "CLF", "-CLF 1.2346"),
        ("-5", "PLN", "-zł 5.00"),
        ("-5", "SEK", "-SEK 5.00"),
    ],
)
def test_an_amount_has_its_minus_first_and_the_digits_of_its_currency(
    database: ClickHouseAddress, value: str, code: str, expected: str
) -> None:
    """A tile said "€-396.67", and yen and won had hundredths."""
    sign = f"'{currency.prefix(code)}'"
    with connect(database) as client:
        (row,) = client.query(f"SELECT {tiles.text(Unit.MONEY, value, sign)}").result_rows
    assert row == (expected,)


def test_the_currency_of_amounts_is_that_of_the_tenant_and_of_several_only_where_it_is_the_same(
    database: ClickHouseAddress,
) -> None:
    now = datetime.now(UTC)
    yen, dinar = UUID(int=5), UUID(int=6)
    rows = [(one, "currency", "JPY" if one == yen else "KWD", date(2026, 1, 1), now) for one in (yen, dinar)]
    with connect(database) as client:
        columns = ["user_id", "setting", "value", "effective_from", "entered_at"]
        client.insert("tenant_settings", rows, column_names=columns)

        def found(tenant: UUID | AllTenants) -> str:
            scope = Scope(now - timedelta(days=1), now, tenant)
            return str(query_rows(client, *currency.in_force(scope))[0]["currency"])

        assert [found(one) for one in (yen, dinar, UUID(int=7), ALL_TENANTS)] == ["JPY", "KWD", "", ""]
        everybody = Scope(now - timedelta(days=1), now, ALL_TENANTS)
        assert currencies_of(client, everybody) == {str(yen): "JPY", str(dinar): "KWD"}


def sale(place: int, amount: str) -> tuple[bytes, bytes]:
    at = START + timedelta(minutes=place)
    event = {
        "event_id": str(UUID(int=100 + place)),
        "user_id": str(SHOP.id),
        "conversation_id": str(UUID(int=200 + place)),
        "created_at": at.isoformat(),
        "integration_data_used": True,
        "integration_types_used": ["shopify"],
        "outcome_type": "converted",
        "handled_by": "ai",
        "business_value_generated": amount,
    }
    return str(SHOP.id).encode(), json.dumps(event).encode()


def test_an_amount_of_a_currency_with_three_or_four_decimals_is_kept_from_the_event_to_the_figures(
    database: ClickHouseAddress,
) -> None:
    """Of 1.255 KWD a sale had 1.25 (to the even cent) and a cost was refused."""
    sales = ["1.255", "0.005", "2.0001", "150000000"]
    values = [sale(place, amount) for place, amount in enumerate(sales)]
    ClickHouseSink(database).write("conversation_outcomes", batch(OUTCOMES, "conversation_outcomes", values))
    total = sum(map(Decimal, sales))
    scope = Scope(START, START + timedelta(days=1), SHOP.id)
    with connect(database) as client:
        for name, value in (("currency", "KWD"), ("cost_per_human_contact", "1.255")):
            save(client, new_entry(SHOP.id, name, value, date(2026, 1, 1), NOW))
        roll_up(client)
        (stored,) = client.query(
            "SELECT (SELECT sum(business_value_generated) FROM conversation_outcomes FINAL), "
            "(SELECT sum(value) FROM conversation_facts FINAL), (SELECT max(value_sum) FROM conversation_hours FINAL), "
            "(SELECT sum(sales) FROM conversation_sales FINAL)"
        ).result_rows
        assert stored == (total, total, total, total)
        (row,) = query_rows(client, *build_query(["influenced_revenue", "gross_savings"], scope))
    assert row["influenced_revenue"] == total
    assert row["gross_savings"] == Decimal("1.255") * row["gross_savings_n"]


def test_a_worker_of_the_version_before_writes_amounts_of_two_decimals(database: ClickHouseAddress) -> None:
    now_written = batch(OUTCOMES, "conversation_outcomes", [sale(1, "12.25")])
    place = now_written.schema.get_field_index("business_value_generated")
    before = now_written.set_column(
        place,
        pa.field("business_value_generated", pa.decimal128(18, 2)),
        now_written.column(place).cast(pa.decimal128(18, 2)),
    )
    with connect(database) as client:
        client.insert_arrow("conversation_outcomes", pa.Table.from_batches([before]))
        kept = client.query("SELECT business_value_generated FROM conversation_outcomes").result_rows
        read = client.query("SELECT toDecimal128OrNull('1.255', 2), toDecimal128OrNull('1500000000.00', 2)").result_rows
    assert kept == [(Decimal("12.25"),)]
    assert read == [(Decimal("1.25"), Decimal(1_500_000_000))], "and reads a cost of three decimals in its two"


@pytest.mark.parametrize(
    ("code", "words"),
    [("", "12.35 in the tenant's currency"), ("KWD", "KWD 12.345"), ("JPY", "¥12"), ("EUR", "€12.35")],
)
def test_the_money_at_risk_of_a_finding_is_in_the_currency_of_its_tenant(
    database: ClickHouseAddress, code: str, words: str
) -> None:
    one = insight(user_id=SHOP.id, kind=min(TRAINED_KINDS), predicted_value=12.3452)
    ClickHouseSink(database).write("predictive_insights", insight_rows([one]))
    with connect(database) as client:
        if code:
            save(client, new_entry(SHOP.id, "currency", code, date(2026, 1, 1), NOW))
        (stored,) = stored_insights(client, InsightFilter(tenant=SHOP.id, limit=1))
        found = money_at_risk(client, stored, datetime.now(UTC))
    assert found == MoneyAtRisk(12.3452, currency=code)
    assert money_text(found) == words


def test_bounds_of_money_at_risk_are_in_its_currency() -> None:
    assert money_text(MoneyAtRisk(5.0, -1.0, 11.5, "KWD")) == "KWD 5.000 (-KWD 1.000 to KWD 11.500)"
    assert money_text(MoneyAtRisk(5.0, -1.0, 11.5)) == "5.00 (-1.00 to 11.50) in the tenant's currency"
    assert money_text(None) == "not known"


def _panel(picture: PanelType, *columns: Column) -> Panel:
    return Panel(1, "Title", "What?", picture, {}, "nothing", 12, 8, columns=columns)


def _in_grafana(client: Client, panel: Panel, sql: str, tenant: UUID | AllTenants) -> list[dict[str, Any]]:
    dialect = Bound(Scope(START, END, tenant))
    return query_rows(client, amounts.statement(panel, sql, dialect), dialect.parameters)


AMOUNT = Column("amount", "Amount", Unit.MONEY)
YEN, DINAR, UNSET = (UUID(int=number) for number in (5, 6, 7))


@pytest.fixture
def tenants(database: ClickHouseAddress) -> Iterator[Client]:
    """Three known tenants, of which one has set no currency."""
    with connect(database) as client:
        known = [(one, START) for one in (YEN, DINAR, UNSET)]
        client.insert("known_tenants", known, column_names=["user_id", "first_seen"])
        for tenant, code in ((YEN, "JPY"), (DINAR, "KWD")):
            save(client, new_entry(tenant, "currency", code, date(2026, 1, 1), NOW))
        yield client


@pytest.mark.parametrize(
    ("tenant", "unit", "decimals"),
    [
        (YEN, "currency:financial: JPY:suffix", 0),
        (DINAR, "currency:financial: KWD:suffix", 3),
        (UNSET, "currency:financial: :suffix", 2),
        (UUID(int=8), "currency:financial: :suffix", 2),
    ],
)
def test_grafana_is_told_the_currency_of_one_tenants_amounts_and_the_digits_of_it(
    tenants: Client, tenant: UUID, unit: str, decimals: int
) -> None:
    sql = "SELECT 'a' AS name, toDecimal64(1.5, 4) AS amount"
    for picture in (PanelType.TABLE, PanelType.BARS):
        (row,) = _in_grafana(tenants, _panel(picture, AMOUNT), sql, tenant)
        assert (row["amount"], row["amount_unit"], row["amount_decimals"]) == (Decimal("1.5"), unit, decimals)


def test_sums_of_several_currencies_are_left_out_and_other_columns_stay(tenants: Client) -> None:
    sql = "SELECT 'a' AS name, toDecimal64(1.5, 4) AS amount"
    (row,) = _in_grafana(tenants, _panel(PanelType.TABLE, AMOUNT), sql, ALL_TENANTS)
    assert (row["name"], row["amount"]) == ("a", None)
    assert _in_grafana(tenants, _panel(PanelType.BARS, AMOUNT), sql, ALL_TENANTS) == []
    save(tenants, new_entry(YEN, "currency", "KWD", date(2026, 1, 1), NOW))
    (row,) = _in_grafana(tenants, _panel(PanelType.TABLE, AMOUNT), sql, ALL_TENANTS)
    assert row["amount"] is None, "one has set none"
    save(tenants, new_entry(UNSET, "currency", "KWD", date(2026, 1, 1), NOW))
    (row,) = _in_grafana(tenants, _panel(PanelType.BARS, AMOUNT), sql, ALL_TENANTS)
    assert (row["amount"], row["amount_unit"]) == (Decimal("1.5"), "currency:financial: KWD:suffix")


def test_a_row_of_one_tenant_names_the_currency_beside_the_tenant_where_there_are_several(tenants: Client) -> None:
    panel = _panel(PanelType.TABLE, Column("tenant", "Tenant"), Column("tenant_id", "Id", hidden=True), AMOUNT)
    sql = (
        "SELECT tenant, tenant_id, toDecimal64(1.5, 4) AS amount FROM "
        f"values('tenant String, tenant_id String', ('A', '{YEN}'), ('B', '{DINAR}'), ('C', '{UNSET}')) ORDER BY tenant"
    )
    rows = _in_grafana(tenants, panel, sql, ALL_TENANTS)
    assert [row["tenant"] for row in rows] == ["A (JPY)", "B (KWD)", "C"]
    assert {(row["amount"], row["amount_decimals"]) for row in rows} == {(Decimal("1.5"), 3)}
    assert [row["tenant"] for row in _in_grafana(tenants, panel, sql, YEN)] == ["A", "B", "C"]


def test_amounts_on_a_time_axis_stay_in_the_order_of_time(tenants: Client) -> None:
    sql = (
        "SELECT toDateTime(number, 'UTC') AS time, toDecimal64(1, 4) AS amount FROM numbers(1000) ORDER BY number DESC"
    )
    rows = _in_grafana(tenants, _panel(PanelType.TIME_SERIES, AMOUNT), sql, YEN)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_a_tile_of_amounts_in_several_currencies_says_to_choose_a_tenant(
    tenants: Client, database: ClickHouseAddress
) -> None:
    """The value of conversations was added up over yen and dinar."""
    ClickHouseSink(database).write(
        "conversation_outcomes", batch(OUTCOMES, "conversation_outcomes", [sale(1, "1.255")])
    )
    roll_up(tenants)
    tile = Tile("value_generated", ("value_generated",), 1, Interval.DAY)

    def rows(tile: Tile, tenant: UUID | AllTenants) -> list[dict[str, Any]]:
        dialect = Bound(Scope(START, END, tenant))
        return query_rows(tenants, tiles.statement(tile, dialect), dialect.parameters)

    def shown(tenant: UUID | AllTenants) -> tuple[float | None, str]:
        last = rows(tile, tenant)[-1]
        return last["value_generated"], last["value_generated_says"]

    assert shown(ALL_TENANTS) == (None, "Choose a tenant")
    assert shown(SHOP.id) == (1.255, "before: none")
    charted = replace(tile, every=Interval.HOUR, is_drawn=True)
    assert {row["line"] for row in rows(charted, ALL_TENANTS)} == {None}, "the chart says to choose a tenant"
    of_one = rows(charted, SHOP.id)
    assert [row["value_generated"] for row in of_one if row["line"] is not None] == [1.255]
    assert {row["amount_decimals"] for row in of_one} == {2}, "it has set none"
    assert {row["amount_unit"] for row in of_one} == {"currency:financial: :suffix"}


def test_no_answer_outside_grafana_adds_up_several_currencies(tenants: Client, database: ClickHouseAddress) -> None:
    """Command line, API, exports and reports added yen to dinar, with a note."""
    ClickHouseSink(database).write(
        "conversation_outcomes", batch(OUTCOMES, "conversation_outcomes", [sale(1, "1.255")])
    )
    roll_up(tenants)

    def value(tenant: UUID | AllTenants, *by: str, every: Interval | None = None) -> list[tuple[Any, Any]]:
        rows = query_rows(tenants, *figures_query(["value_generated", "csat"], Scope(START, END, tenant), by, every))
        return [(row["value_generated"], row.get("value_generated_note")) for row in rows]

    left_out = (None, currency.SEVERAL)
    assert value(ALL_TENANTS) == [left_out]
    assert set(value(ALL_TENANTS, "country")) == set(value(ALL_TENANTS, every=Interval.DAY)) == {left_out}
    assert (Decimal("1.255"), None) in value(ALL_TENANTS, "tenant")
    assert value(SHOP.id) == [(Decimal("1.255"), None)]


def test_panels_outside_grafana_leave_out_sums_of_several_currencies(
    tenants: Client, database: ClickHouseAddress
) -> None:
    """A tile and a table of amounts, as the API, previews and reports ask for them."""
    ClickHouseSink(database).write(
        "conversation_outcomes", batch(OUTCOMES, "conversation_outcomes", [sale(1, "1.255")])
    )
    roll_up(tenants)
    checked = []
    for tab in tabs():
        for panel in (one for one in tab.panels if sums.sums(one)):
            dialect = Bound(Scope(START, END, ALL_TENANTS))
            for one in panel.asks.values():
                rows = query_rows(tenants, sums.statement(panel, one.render(dialect), dialect), dialect.parameters)
                assert {row[name] for row in rows for name in sums.sums(panel) if name in row} <= {None}
                assert "choose one tenant" in sums.no_data(panel)
                checked.append(panel.title)
    assert {"Performance by segment", "Knowledge gap impact", "Gross savings"} <= set(checked)
