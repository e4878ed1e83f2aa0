"""The explanation of a change as plain values, for JSON: the command line and the API give the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kpis.explain import Explanation, Split, Total
from kpis.explain_text import remarks, sentence
from kpis.scope import AllTenants, Scope


def document(found: Explanation, scope: Scope, tenants: Mapping[str, str]) -> dict[str, Any]:
    """Return the explanation; ``scope`` is that of the present period, ``tenants`` are display names by id."""
    kpi = found.kpi
    return {
        "id": kpi.id,
        "title": kpi.title,
        "version": kpi.version,
        "unit": kpi.unit.value,
        "currency": found.currency or None,
        "good": kpi.direction,
        "tenant": "all" if isinstance(scope.tenant, AllTenants) else str(scope.tenant),
        "filters": dict(scope.filters),
        "answer": sentence(found, tenants),
        "change": found.change,
        "is_chance": found.is_chance,
        "before": _total(found.before),
        "now": _total(found.now),
        "splits": [_split(one) for one in found.splits],
        "notes": remarks(found),
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "from": total.start,
        "to": total.end,
        "value": total.value,
        "n": total.n,
        "low": total.low,
        "high": total.high,
    }


def _split(split: Split) -> dict[str, Any]:
    return {
        "dimension": split.dimension,
        "is_result": split.is_result,
        "several_values": split.many,
        "stands_out": None if split.cause is None else split.cause.value,
        "beyond": split.beyond,
        "rest": split.rest,
        "parts": [one._asdict() for one in split.parts],
    }
