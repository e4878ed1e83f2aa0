"""Which figures moved most against the period before, and what the detectors found that may be why."""

from __future__ import annotations

from collections.abc import Sequence
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
_OF_INTEGRATIONS: Final = "query_success_rate"
"""The figure that an anomaly of an integration explains."""
_ANOMALY: Final = "performance_anomaly"
_MAX_ROWS: Final = 5
# Moves of less are noise to a reader, and less than a tenth of what there is now is no period to compare with.
_MIN_CHANGE: Final = 0.02
_COMPARABLE: Final = 0.1
_VERDICTS: Final = {"up": ("better", "worse"), "down": ("worse", "better"), "neutral": ("changed", "changed")}
"""By a figure's good direction: what a rise is, and what a fall."""


def statement(dialect: Dialect) -> str:
    """Return a row for each of the figures that moved most, the largest change first.

    Numbers become text in the outermost layer, once for all figures: planning takes longer than answering, and what is
    written for each figure, or named twice, is planned as often.
    """
    both = dialect.over("before_start", "range_end")
    kpis = [get(id_) for id_ in FIGURES]
    sides = ", ".join(
        f"maxIf({name}, NOT earlier) AS {name}_now, maxIf({name}, earlier) AS {name}_before"
        for id_ in FIGURES
        for name in (id_, f"{id_}_n")
    )
    arrays = {
        "id": [f"'{kpi.id}'" for kpi in kpis],
        "title": [f"'{kpi.title}'" for kpi in kpis],
        "form": [f"'{kpi.unit}'" for kpi in kpis],
        "up": [f"'{_VERDICTS[kpi.direction][0]}'" for kpi in kpis],
        "down": [f"'{_VERDICTS[kpi.direction][1]}'" for kpi in kpis],
        "least": [f"{kpi.minimum_volume}" for kpi in kpis],
        "value": [f"toFloat64({kpi.id}_now)" for kpi in kpis],
        "earlier": [f"toFloat64({kpi.id}_before)" for kpi in kpis],
        "n": [f"{kpi.id}_n_now" for kpi in kpis],
        "earlier_n": [f"{kpi.id}_n_before" for kpi in kpis],
    }
    rows = ",\n    ".join(f"[{', '.join(values)}] AS {name}" for name, values in arrays.items())
    return f"""
WITH {dialect.start} AS range_start, {dialect.end} AS range_end,
    range_start - toIntervalSecond(dateDiff('second', range_start, range_end)) AS before_start
SELECT title AS figure, if(moved > 0, up, down) AS verdict,
    {_text(kpis, "earlier")} AS before, {_text(kpis, "value")} AS now,
    concat(if(moved > 0, '+', ''), toString(round(100 * moved, 1)), ' %') AS change,
    multiIf(own != '', own, id = '{_OF_INTEGRATIONS}' AND anomaly != '', anomaly, 'no finding explains it') AS why
FROM
(
SELECT *, findings[id] AS own, findings['{_ANOMALY}'] AS anomaly FROM
(
SELECT id, title, form, up, down, value, earlier, {_findings(dialect)} AS findings,
    if(earlier_n >= {_COMPARABLE} * n AND n >= least, (value - earlier) / abs(earlier), NULL) AS moved
FROM (SELECT {sides} FROM ({select(FIGURES, both, bounds=False, cut="range_start")}))
ARRAY JOIN {rows}
)
WHERE isFinite(moved) AND abs(moved) >= {_MIN_CHANGE}
ORDER BY abs(moved) DESC
LIMIT {_MAX_ROWS}
)"""


def _text(kpis: Sequence[Kpi], column: str) -> str:
    """Return a value as text, by the unit of its row's figure."""
    units = sorted({kpi.unit for kpi in kpis})
    forms = ", ".join(f"form = '{unit}', {tiles.text(unit, column)}" for unit in units)
    return f"multiIf({forms}, '-')"


def _findings(dialect: Dialect) -> str:
    """Return the title of the gravest finding in the range by the figure that it is about, and of an integration."""
    return (
        "(SELECT mapFromArrays(groupArray(figure), groupArray(gravest)) FROM (SELECT "
        f"if(insight_type = 'kpi_change', toString(kind), '{_ANOMALY}') AS figure, "
        "argMax(title, (severity = 'critical', started_at)) AS gravest FROM predictive_insights FINAL "
        f"WHERE insight_type IN ('kpi_change', '{_ANOMALY}') AND {dialect.tenant('user_id')} "
        "AND started_at < range_end AND ifNull(ended_at, range_end) > range_start "
        "AND severity IN ('critical', 'warning') GROUP BY figure))"
    )
