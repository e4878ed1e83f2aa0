"""The query of figures as people are answered: without sums of amounts in several currencies."""

from __future__ import annotations

from collections.abc import Sequence

from kpis import currency
from kpis.kpi import Statement, Unit
from kpis.query import build_query
from kpis.registry import get
from kpis.scope import ALL_TENANTS, Interval, Scope
from kpis.sql.dialect import Bound, Dialect
from models.query import Query


def figures_query(ids: Sequence[str], scope: Scope, by: Sequence[str] = (), every: Interval | None = None) -> Query:
    """Return ``build_query`` with amounts left out where tenants have several currencies.

    Such an amount is NULL, and ``<id>_note`` says why. Split by tenant each stays: its currency is the tenant's.
    Figures with a statement of their own leave such sums out by themselves.
    """
    query = build_query(ids, scope, by, every)
    mixed = [id_ for id_ in dict.fromkeys(ids) if _adds_up(id_)]
    if not mixed or "tenant" in by or scope.tenant is not ALL_TENANTS:
        return query
    names = [f"{id_}{ending}" for id_ in mixed for ending in ("", "_low", "_high")]
    notes = "".join(f", if(amounts.3, '{currency.SEVERAL}', '') AS {id_}_note" for id_ in mixed)
    keys = [*(["time"] if every else []), *dict.fromkeys(by)]
    order = f" ORDER BY {', '.join(keys)}" if keys else ""
    return query._replace(sql=without_mixed(query.sql, names, Bound(scope), notes) + order)


def without_mixed(sql: str, names: Sequence[str], dialect: Dialect, further: str = "") -> str:
    """Return a statement whose amounts are NULL where the chosen tenants have several currencies.

    Parameters
    ----------
    names
        Its columns of amounts.
    further
        SQL of further columns, each after a comma; ``amounts`` is what ``kpis.currency.in_scope`` returns.
    """
    replaced = ", ".join(f"if(amounts.3, NULL, {name}) AS {name}" for name in names)
    return f"WITH {currency.in_scope(dialect)} AS amounts SELECT * REPLACE ({replaced}){further} FROM ({sql})"


def _adds_up(id_: str) -> bool:
    kpi = get(id_)
    return kpi.unit is Unit.MONEY and not isinstance(kpi.computed, Statement)
