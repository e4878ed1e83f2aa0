"""Panels outside Grafana: amounts of several tenants are left out unless all have the same currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.amounts import CHOOSE, is_by_tenant, of_money
from dashboards.panel import Panel
from kpis.figures_query import without_mixed
from kpis.sql.dialect import Dialect


def sums(panel: Panel) -> tuple[str, ...]:
    """Return a panel's columns of amounts that may be of several tenants."""
    return () if is_by_tenant(panel) else of_money(panel)


def statement(panel: Panel, sql: str, dialect: Dialect) -> str:
    """Return the statement of a panel without sums of several currencies; unchanged where it has no sums."""
    return without_mixed(sql, names, dialect) if (names := sums(panel)) else sql


def no_data(panel: Panel) -> str:
    """Return what an answer without rows or amounts means."""
    return f"{panel.no_data}, {CHOOSE}" if sums(panel) else panel.no_data


def lacks_amounts(panel: Panel, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there are rows, and none of them has an amount, though the panel shows some."""
    names = [name for name in sums(panel) if rows and name in rows[0]]
    return bool(names) and all(row[name] is None for row in rows for name in names)
