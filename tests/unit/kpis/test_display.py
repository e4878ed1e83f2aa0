from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kpis.display import cell, interval, notes, shown
from kpis.kpi import Unit
from kpis.registry import ALL, get
from kpis.scope import ALL_TENANTS, AllTenants, Scope

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def scope(tenant: UUID | AllTenants = ALL_TENANTS, days: int = 1, end: datetime = NOW - timedelta(days=3)) -> Scope:
    return Scope(end - timedelta(days=days), end, tenant)


def row(id_: str, value: Any, n: int, **more: Any) -> dict[str, Any]:
    return {id_: value, f"{id_}_n": n} | {f"{id_}_{name}": given for name, given in more.items()}


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        (Unit.COUNT, 1234567, "1,234,567"),
        (Unit.RATIO, 0.98765, "98.8%"),
        (Unit.MILLISECONDS, 1234.5, "1,234 ms"),
        (Unit.MINUTES, 12.34, "12.3 min"),
        (Unit.HOURS, 1.25, "1.2 h"),
        (Unit.STARS, 4.0159, "4.02"),
        (Unit.MONEY, Decimal("1234.50"), "1,234.50"),
        (Unit.MONEY_RATIO, 14.06, "1,406%"),
        (Unit.SCORE, -0.125, "-0.12"),
        (Unit.RATIO, None, "-"),
    ],
)
def test_a_value_is_shown_with_its_unit(unit: Unit, value: float | None, expected: str) -> None:
    assert shown(unit, value) == expected


def test_every_unit_can_be_shown() -> None:
    assert all(shown(unit, 1.0) for unit in Unit)


def test_bounds_are_shown_where_there_are_any() -> None:
    assert interval(get("csat"), row("csat", 4.0, 50, low=3.9, high=4.1)) == "3.90 to 4.10"
    assert interval(get("csat"), row("csat", None, 0, low=None, high=None)) == ""
    assert interval(get("query_count"), row("query_count", 5, 5)) == ""


def test_too_little_data_says_how_much_there_is_and_how_much_is_needed() -> None:
    assert notes(get("csat"), row("csat", 4.0, 3), scope()) == ["too little data (n=3, needs 30)"]
    assert notes(get("csat"), row("csat", 4.0, 30), scope()) == []


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    assert notes(get("csat"), row("csat", None, 0), scope()) == ["no data in this range"]
    assert notes(get("query_count"), row("query_count", 0, 0), scope()) == []


def test_a_note_of_the_statement_itself_comes_first() -> None:
    found = notes(get("roi"), row("roi", None, 0, note="no human cost is set"), scope(UUID(int=1)))
    assert found == ["no human cost is set"]


def test_a_range_across_a_definition_change_says_what_changed() -> None:
    id_ = "data_utilization_rate"
    (note,) = notes(get(id_), row(id_, 0.8, 100), scope(days=30, end=NOW))
    assert note.startswith("defined anew on 2026-11-22 (version 2) and computed so for the whole range; before, it")
    assert notes(get(id_), row(id_, 0.8, 100), scope(days=1)) == []


@pytest.mark.parametrize("value", [None, 0])
def test_a_definition_change_of_a_figure_without_data_is_not_told(value: int | None) -> None:
    id_ = "data_utilization_rate"
    assert not any("defined anew" in one for one in notes(get(id_), row(id_, value, 0), scope(days=30, end=NOW)))


def test_every_figure_has_words_for_nothing() -> None:
    for kpi in ALL.values():
        assert notes(kpi, row(kpi.id, None, 0), scope())


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.1234, Unit.RATIO, "12.3%"),
        (None, Unit.RATIO, "-"),
        (float("nan"), Unit.RATIO, "-"),
        (float("inf"), None, "-"),
        (1234567, None, "1,234,567"),
        (1.5, None, "1.50"),
        (NOW, None, "2026-11-22 10:30"),
        (["a", "b"], None, "a, b"),
        (True, None, "yes"),
        ("shopify", Unit.COUNT, "shopify"),
    ],
)
def test_a_cell_reads_like_people_write_it(value: Any, unit: Unit | None, expected: str) -> None:
    assert cell(value, unit) == expected


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (-396.67, "EUR", "-€396.67"),
        (Decimal("1234.5"), "USD", "$1,234.50"),
        (-0.001, "EUR", "€0.00"),
        (-933_090.78, "JPY", "-¥933,091"),
        (-0.4, "KRW", "KRW 0"),
        (1.2346, "KWD", "KWD 1.235"),
        (5, "", "5.00"),
    ],
)
def test_an_amount_has_its_currency_and_the_digits_of_it(value: float | Decimal, code: str, text: str) -> None:
    assert shown(Unit.MONEY, value, code) == text
