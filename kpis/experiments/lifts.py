"""Causal, adjusted and plain lift of integration data, apart, in one table: what is known for certain, and what is not.

- *causal*: an arm of an experiment against its control. What the experiment withheld is the cause.
- *adjusted*: conversations with data against those without, alike in stage and channel: an association.
- *plain*: the same as they are.

The causal rows are computed in SQL, because Grafana runs no Python; a test holds them equal to ``analysis``.
"""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Final

from kpis.analyses import lift
from kpis.experiments.assignment import CELL_CONCENTRATION, CONCENTRATION, MAX_MIXED, MISMATCH
from kpis.experiments.confidence import ALPHA, best_information
from kpis.experiments.design import CONTROLS, DEFAULT_SAMPLE
from kpis.experiments.statements import SQL, assigned, bayes_factor, few, settled
from kpis.sources import conversations
from kpis.sql.dialect import Bound, Dialect, Grafana
from kpis.sql.fixed import Fixed
from kpis.sql.query_context import QueryContext
from kpis.statistics import ENOUGH, ROUNDING, Z_95
from models.insights import ALL_TENANTS_ID

_COLUMNS: Final = "basis, experiment, arm, control, metric, treated_n, control_n, difference, low, high, note"
# No tenant has this id, so its predicate holds only where all tenants are asked for.
_NOBODY: Final = "toUUID('ffffffff-ffff-ffff-ffff-ffffffffffff')"
_NIL: Final = f"toUUID('{ALL_TENANTS_ID}')"
_ADJUSTED: Final = "SELECT '{metric}' AS metric, value, n, low, high, note FROM ({rows})"
_ORDER: Final = (
    "indexOf(['durable_resolution', 'conversion', 'csat'], metric), indexOf(['causal', 'adjusted', 'plain'], basis)"
)


def lifts(asked: QueryContext) -> str:
    """Return a statement: differences by metric, the causal ones first; ``note`` says why one cannot be trusted.

    An integration is no filter here: which one was used depends on the arm.
    """
    asked = replace(asked, dialect=_without_provider(asked.dialect))
    parts = [f"SELECT {_COLUMNS} FROM ({part})" for part in (_causal(asked), _adjusted(asked), _plain(asked))]
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY {_ORDER}, experiment, arm"


def _causal(asked: QueryContext) -> str:
    dialect = asked.dialect
    usual = ", ".join(f"'{name}'" for name in sorted(CONTROLS))
    return SQL.render(
        "causal",
        tenant=dialect.tenant("user_id"),
        is_all=f"({dialect.tenant(_NOBODY)})",
        all_tenants_id=_NIL,
        settled=settled(dialect),
        facts=conversations.facts(asked),
        assigned=assigned(dialect, "experiment != ''"),
        usual=f"(lower(one) IN ({usual}) OR startsWith(lower(one), 'without'))",
        variance1=_variance("treated_n", "y1", "yy1"),
        variance0=_variance("control_n", "y0", "yy0"),
        cell_factor=bayes_factor("cell_n", "cell_shares", CELL_CONCENTRATION),
        factor=bayes_factor("n_so_far", "day_shares", CONCENTRATION),
        few=few("factor"),
        max_mixed=str(MAX_MIXED),
        mismatch=str(-log(MISMATCH)),
        enough=str(ENOUGH),
        best=str(best_information()),
        default_sample=str(DEFAULT_SAMPLE),
        twice_log_alpha=str(-2 * log(ALPHA)),
    )


def _variance(n: str, y: str, yy: str) -> str:
    share, squares = f"(({y} + 1) / ({n} + 2))", f"{yy} - {y} * {y} / {n}"
    return f"if(metric = 'csat', if({squares} > {ROUNDING} * {yy}, {squares}, 0) / ({n} - 1), {share} * (1 - {share}))"


def _adjusted(asked: QueryContext) -> str:
    figures = (("conversion", lift.CONVERTED), ("csat", lift.STARS))
    rows = " UNION ALL ".join(
        _ADJUSTED.format(metric=metric, rows=lift.standardised(asked, conversations.DIMENSIONS, outcome))
        for metric, outcome in figures
    )
    return (
        "SELECT 'adjusted' AS basis, '' AS experiment, 'with data' AS arm, 'without data, alike' AS control, metric, "
        f"toFloat64(n) AS treated_n, NULL AS control_n, value AS difference, low, high, note FROM ({rows})"
    )


def _plain(asked: QueryContext) -> str:
    return SQL.render("plain", facts=conversations.facts(asked), enough=str(ENOUGH), z=str(Z_95))


def _without_provider(dialect: Dialect) -> Dialect:
    match dialect:
        case Bound():
            return replace(dialect, scope=replace(dialect.scope, provider=None))
        case Grafana():
            return replace(dialect, variables=tuple(name for name in dialect.variables if name != "provider"))
        case Fixed():
            values = {name: value for name, value in dialect.values.items() if name != "provider"}
            return replace(dialect, dialect=_without_provider(dialect.dialect), values=values)
    return dialect
