from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from kpis.analyses.impact import MONTHS, WEEKS, Impact, ImpactPeriod, changed, periods

PERIOD = ImpactPeriod(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
DURING, AFTER = PERIOD.end - timedelta(days=3), PERIOD.end + timedelta(days=3)


def found(metric: str = "sales_conversion", baseline: float = 0.1, current: float = 0.15) -> dict[str, Any]:
    return {
        "user_id": UUID(int=7),
        "metric_type": metric,
        "integration_provider": "shopify",
        "treated": 200,
        "control": 90,
        "baseline": baseline,
        "current": current,
    }


def stored(row: Impact) -> dict[str, Any]:
    # ClickHouse gives times of DateTime('UTC') without a zone.
    return {
        name: cell.replace(tzinfo=None) if isinstance(cell, datetime) else cell for name, cell in row._asdict().items()
    }


def test_the_improvement_is_in_percent_of_the_baseline() -> None:
    (row,) = changed([found()], [], PERIOD, AFTER)
    assert (row.baseline_value, row.current_value) == (Decimal("0.1"), Decimal("0.15"))
    assert row.improvement_percentage == Decimal(50)
    assert (row.revision, row.restated_at) == (1, None)


def test_fewer_minutes_are_an_improvement() -> None:
    (row,) = changed([found("support_efficiency", 20.0, 15.0)], [], PERIOD, AFTER)
    assert row.improvement_percentage == Decimal(25)


def test_no_baseline_has_no_improvement() -> None:
    (row,) = changed([found("upsell_opportunity", 0.0, 0.02)], [], PERIOD, AFTER)
    assert row.improvement_percentage is None


def test_what_is_stored_already_is_not_written_again() -> None:
    (row,) = changed([found()], [], PERIOD, AFTER)
    assert changed([found()], [stored(row)], PERIOD, AFTER + timedelta(hours=1)) == []


def test_a_running_period_changes_without_being_restated() -> None:
    (first,) = changed([found()], [], PERIOD, DURING)
    (second,) = changed([found(current=0.2)], [stored(first)], PERIOD, AFTER)
    assert (second.revision, second.restated_at, second.id) == (1, None, first.id)


def test_a_period_that_was_over_is_restated_and_marked() -> None:
    (first,) = changed([found()], [], PERIOD, AFTER)
    later = AFTER + timedelta(days=2)
    (second,) = changed([found(current=0.2)], [stored(first)], PERIOD, later)
    assert (second.revision, second.restated_at, second.id) == (2, later, first.id)


def test_rows_of_another_period_are_not_mistaken_for_this_one() -> None:
    week = ImpactPeriod(PERIOD.start, PERIOD.start + timedelta(days=7))
    (row,) = changed([found()], [], week, AFTER)
    (month,) = changed([found()], [stored(row)], PERIOD, AFTER)
    assert month.id != row.id


def test_months_and_weeks_are_whole_and_cross_the_year() -> None:
    all_of_them = periods(datetime(2026, 1, 14, 15, 30, tzinfo=UTC))
    months, weeks = all_of_them[:MONTHS], all_of_them[MONTHS:]
    assert [one.start.date().isoformat() for one in months] == ["2026-01-01", "2025-12-01", "2025-11-01"]
    assert months[0].end == datetime(2026, 2, 1, tzinfo=UTC)
    assert len(weeks) == WEEKS
    assert all(one.start.weekday() == 0 and one.end - one.start == timedelta(days=7) for one in weeks)
    assert weeks[0].start <= datetime(2026, 1, 14, tzinfo=UTC) < weeks[0].end
