from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kpis.figures import Scope, confidence_figures, errors_by_kind, last_days, outcome_figures, query_figures
from models.errors import SettingsError
from models.query import Query

NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)
INJECTION = "x' OR 1=1 --"


@pytest.mark.parametrize("figures", [query_figures, errors_by_kind, outcome_figures, confidence_figures])
def test_values_are_bound_by_the_database_and_never_part_of_the_statement(figures: Callable[[Scope], Query]) -> None:
    scope = Scope(NOW - timedelta(days=1), NOW, tenant=UUID(int=7), provider=INJECTION, query_type=INJECTION)
    query = figures(scope)
    assert INJECTION not in query.sql
    assert str(UUID(int=7)) not in query.sql
    assert query.parameters["tenant"] == str(UUID(int=7))
    for name in query.parameters:
        assert f"{{{name}:" in query.sql


def test_a_dimension_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(SettingsError, match="'weather'; expected one of tenant, provider, query_type"):
        query_figures(last_days(1, NOW), ["weather"])


def test_the_last_days_end_with_the_current_minute() -> None:
    scope = last_days(7, NOW)
    assert scope.end == datetime(2026, 11, 22, 10, 31, tzinfo=UTC)
    assert scope.end - scope.start == timedelta(days=7)
