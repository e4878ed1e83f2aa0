"""Amounts of money as text, as the database writes them."""

from __future__ import annotations

import pytest

from dashboards import tiles
from kpis import currency
from kpis.kpi import Unit
from storage.connection import ClickHouseAddress, connect


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
