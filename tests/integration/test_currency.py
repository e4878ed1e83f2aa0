"""Amounts of money as text, as the database writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from dashboards import tiles
from kpis import currency
from kpis.kpi import Unit
from kpis.scope import ALL_TENANTS, AllTenants, Scope
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows


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
