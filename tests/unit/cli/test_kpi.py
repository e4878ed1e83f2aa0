from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from cli.kpi import shown


@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("query_success_rate", 0.98765, "98.77%"),
        ("latency_p95_ms", 1234.5, "1,234"),
        ("query_count", 1234567, "1,234,567"),
        ("csat_with_data", Decimal("4.0159"), "4.02"),
        ("value_generated", Decimal("1234.50"), "1,234"),
        ("data_freshness_hours", None, "-"),
        ("provider", "hubspot", "hubspot"),
        ("tenant", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_cell_is_shown_the_way_people_read_its_kind(name: str, cell: object, expected: str) -> None:
    assert shown(name, cell) == expected
