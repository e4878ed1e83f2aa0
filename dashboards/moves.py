"""Which figures moved most against the period before, and what the detectors found that may be why."""

from __future__ import annotations

from typing import Final

from dashboards import tiles
from kpis.kpi import Kpi
from kpis.query import select
from kpis.registry import get
from kpis.sql.dialect import Dialect

FIGURES: Final = (
    "conversation_count",
    "durable_resolution_rate",
    "handoff_rate",
    "reopen_rate",
    "csat",
    "data_utilization_rate",
    "knowledge_gap_rate",
    "query_success_rate",
)
"""Ids of the figures that are compared with the period before. Only two sources, to keep the statement fast."""
_OF_INTEGRATIONS: Final = frozenset({"query_success_rate"})
"""Figures that an anomaly of an integration explains."""
_MAX_ROWS: Final = 5
# Moves of less are noise to a reader, and less than a tenth of what there is now is no period to compare with.
_MIN_CHANGE: Final = 0.02
_COMPARABLE: Final = 0.1


def statement(dialect: Dialect) -> str:
    """Return a row for each of the figures that moved most, the largest change first."""
    both = dialect.over("before_start", "range_end")
    # Planning a statement takes longer than answering it: one is asked for both periods.
    sides = ", ".join(
        f"maxIf({name}, NOT earlier) AS {name}_now, maxIf({name}, earlier) AS {name}_before"
        for id_ in FIGURES
        for name in (id_, f"{id_}_n")
    )
    moved = ",\n    ".join(_row(get(id_)) for id_ in FIGURES)
    return f"""
WITH {dialect.start} AS range_start, {dialect.end} AS range_end,
    range_start - toIntervalSecond(dateDiff('second', range_start, range_end)) AS before_start
SELECT moved.1 AS figure, moved.5 AS verdict, moved.3 AS before, moved.2 AS now,
    concat(if(moved.4 > 0, '+', ''), toString(round(100 * moved.4, 1)), ' %') AS change,
    {_why(dialect)} AS why
FROM (SELECT {sides} FROM ({select(FIGURES, both, bounds=False, cut="range_start")}))
ARRAY JOIN [
    {moved}
] AS moved
WHERE isFinite(moved.4) AND abs(moved.4) >= {_MIN_CHANGE}
ORDER BY abs(moved.4) DESC
LIMIT {_MAX_ROWS}"""


def _row(kpi: Kpi) -> str:
    now, before = f"toFloat64({kpi.id}_now)", f"toFloat64({kpi.id}_before)"
    comparable = f"{kpi.id}_n_before >= {_COMPARABLE} * {kpi.id}_n_now AND {kpi.id}_n_now >= {kpi.minimum_volume}"
    change = f"ifNull(if({comparable}, ({now} - {before}) / abs({before}), nan), nan)"
    up, down = {"up": ("better", "worse"), "down": ("worse", "better"), "neutral": ("changed", "changed")}[
        kpi.direction
    ]
    explained = "integrations" if kpi.id in _OF_INTEGRATIONS else ""
    return (
        f"('{kpi.title}', ifNull({tiles.text(kpi.unit, now)}, '-'), ifNull({tiles.text(kpi.unit, before)}, '-'), "
        f"{change}, if({now} > {before}, '{up}', '{down}'), '{kpi.id}', '{explained}')"
    )


def _why(dialect: Dialect) -> str:
    """Return the gravest finding on the figure itself, else on an integration; a scalar for each is looked up once."""
    where = (
        f"{dialect.tenant('user_id')} AND started_at < range_end AND ifNull(ended_at, range_end) > range_start "
        "AND severity IN ('critical', 'warning')"
    )
    grave = "(severity = 'critical', started_at)"
    changes = (
        "(SELECT mapFromArrays(groupArray(figure), groupArray(latest)) FROM (SELECT toString(kind) AS figure, "
        f"argMax(title, {grave}) AS latest FROM predictive_insights FINAL WHERE insight_type = 'kpi_change' "
        f"AND {where} GROUP BY figure))"
    )
    anomaly = (
        f"(SELECT argMax(title, {grave}) FROM predictive_insights FINAL "
        f"WHERE insight_type = 'performance_anomaly' AND {where})"
    )
    own = f"{changes}[moved.6]"
    return (
        f"multiIf({own} != '', {own}, moved.7 != '' AND ifNull({anomaly}, '') != '', ifNull({anomaly}, ''), "
        "'no finding explains it')"
    )
