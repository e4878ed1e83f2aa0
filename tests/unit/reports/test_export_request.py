from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from kpis.scope import ALL_TENANTS, Interval, Scope
from models.errors import SettingsError
from reports.export_query import slices
from reports.export_request import MAX_ROWS, XLSX_ROWS, ExportFormat, ExportRequest, check_rows
from reports.export_tables import CUSTOMER, EXPORTABLE

DAY = Scope(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), ALL_TENANTS)


def request(**changes: Any) -> ExportRequest:
    return ExportRequest(**{"what": "queries", "scope": DAY, "format": ExportFormat.CSV, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"what": "audit_log"}, "expected one of queries, outcomes"),
        ({"by": ("provider",)}, "by: .* this is for key figures"),
        ({"every": Interval.DAY}, "every: .* this is for key figures"),
        ({"what": "health", "customers": True}, "nothing of single customers"),
        ({"what": "error_rate", "customers": True}, "no single customer"),
        ({"what": "scores", "scope": Scope(DAY.start, DAY.end, ALL_TENANTS, provider="hubspot")}, "no integrations"),
        ({"scope": Scope(DAY.start, DAY.end, ALL_TENANTS, country="DE")}, "narrowed by provider only"),
        ({"scope": Scope(DAY.start, DAY.start, ALL_TENANTS)}, "from: .* ends after it begins"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        request(**changes)


def test_excels_limit_is_said_plainly() -> None:
    check_rows(request(format=ExportFormat.XLSX), XLSX_ROWS)
    with pytest.raises(SettingsError, match="holds 1,048,575 rows below its heading, and this export has 1,048,576"):
        check_rows(request(format=ExportFormat.XLSX), XLSX_ROWS + 1)
    with pytest.raises(SettingsError, match="at most 20,000,000 rows"):
        check_rows(request(), MAX_ROWS + 1)


def test_every_table_that_names_customers_has_a_group_to_hide_them_in() -> None:
    for name, table in EXPORTABLE.items():
        assert table.per_customer == bool(table.group), name
        assert set(table.group) < set(table.columns), name
        assert CUSTOMER not in table.group, name


def test_slices_cover_the_range_without_gap_or_overlap_and_are_no_larger_than_they_must() -> None:
    hour = 3600
    buckets = [(int(DAY.start.timestamp()) + number * hour, 90_000) for number in range(20)]
    found = list(slices(buckets, DAY))
    assert (found[0].start, found[-1].end) == (DAY.start, DAY.end)
    assert all(earlier.end == later.start for earlier, later in itertools.pairwise(found))
    assert {one.rows for one in found} == {180_000}


def test_an_empty_range_is_one_slice() -> None:
    assert [(one.start, one.end, one.rows) for one in slices([], DAY)] == [(DAY.start, DAY.end, 0)]
