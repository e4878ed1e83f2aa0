"""Lift of integration data: conversations with data compared with those without, within stage and channel.

Early stages need less data and also convert less, so the plain difference would be confounded by the stage. Every
figure here compares within tenant, stage and channel and averages by where the data was used (direct standardisation).
It is an adjusted association, not an experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple

from kpis.dimension import Dimension
from kpis.sources.conversation_counts import counts
from kpis.sql.query_context import QueryContext
from kpis.statistics import (
    ENOUGH,
    OWN_SPREAD,
    Z_95,
    Arm,
    Estimate,
    Stratum,
    correlation,
    difference,
    mean_interval,
    wilson,
    yes_no,
)

Row = dict[str, Any]
Level = Literal["all", "stage", "data_type"]
_READS: Final = frozenset(
    {"conversations", "converted_count", "satisfaction_count", "satisfaction_sum", "satisfaction_squares"}
)

_STANDARDISED: Final = """
WITH cells AS
(
    SELECT
        {split}
        sumIf({counted}, data_used) AS n1, sumIf({counted}, NOT data_used) AS n0,
        toFloat64(sumIf({added_up}, data_used)) AS s1, toFloat64(sumIf({added_up}, NOT data_used)) AS s0,
        toFloat64(sumIf({squares}, data_used)) AS q1, toFloat64(sumIf({squares}, NOT data_used)) AS q0
    FROM {counts} AS counts
    GROUP BY {grouping}
),
compared AS
(
    SELECT *, s1 / n1 - s0 / n0 AS lift,
        greatest(0, q1 - s1 * s1 / n1) / (n1 - 1) AS v1, greatest(0, q0 - s0 * s0 / n0) / (n0 - 1) AS v0,
        (s1 + 1) / (n1 + 2) AS p1, (s0 + 1) / (n0 + 2) AS p0
    FROM cells
    WHERE n1 >= 2 AND n0 >= 2
),
summed AS
(
    SELECT
        {columns}
        sum(n1) AS treated,
        sum(n0) AS control,
        sum(n1 * lift) / nullIf(treated, 0) AS estimate,
        sum((n1 - 1) * v1) / nullIf(sum(n1 - 1), 0) AS pooled1,
        sum((n0 - 1) * v0) / nullIf(sum(n0 - 1), 0) AS pooled0,
        {z} * sqrt({variance}) / nullIf(treated, 0) AS half
    FROM compared
    {group_by}
)
SELECT
    {columns}
    if(least(treated, control) < {enough}, NULL, estimate) AS value,
    treated + control AS n,
    if(least(treated, control) < {enough}, NULL, estimate - half) AS low,
    if(least(treated, control) < {enough}, NULL, estimate + half) AS high,
    if(least(treated, control) < {enough}, concat('too little data: ', toString(treated), ' with and ',
        toString(control), ' without that can be compared; {enough} of each are needed'), '') AS note
FROM summed
"""
# The variances of both means, each stratum with the square of its treated; see kpis.statistics for why.
_YES_NO: Final = "sum(n1 * n1 * (p1 * (1 - p1) / (n1 + 2) + p0 * (1 - p0) / (n0 + 2)))"
_MEASURED: Final = (
    "sumIf(n1 * v1, n1 >= {own}) + ifNull(pooled1, 0) * sumIf(n1, n1 < {own}) "
    "+ sumIf(n1 * n1 * v0 / n0, n0 >= {own}) + ifNull(pooled0, 0) * sumIf(n1 * n1 / n0, n0 < {own})"
)


class Outcome(NamedTuple):
    """Columns of ``conversation_measures`` for a mean and its variance: count, sum, sum of squares."""

    counted: str
    added_up: str
    squares: str
    yes_no: bool


CONVERTED: Final = Outcome("conversations", "converted_count", "converted_count", yes_no=True)
STARS: Final = Outcome("satisfaction_count", "satisfaction_sum", "satisfaction_squares", yes_no=False)


def standardised(asked: QueryContext, dimensions: Mapping[str, Dimension], outcome: Outcome) -> str:
    """Return a figure's statement: ``kpis.statistics.difference`` of an outcome with and without data, as SQL."""
    strata = ["user_id", "stage", "channel"]
    return _STANDARDISED.format(
        split=asked.split(dimensions),
        counted=outcome.counted,
        added_up=outcome.added_up,
        squares=outcome.squares,
        counts=counts(replace(asked, by=(*asked.by, "stage", "channel", "data_used"), reads=frozenset(outcome[:3]))),
        grouping=", ".join(dict.fromkeys([*asked.columns, *strata])),
        columns="".join(f"{name}, " for name in asked.columns),
        group_by=asked.grouping,
        variance=_YES_NO if outcome.yes_no else _MEASURED.format(own=OWN_SPREAD),
        enough=ENOUGH,
        z=Z_95,
    )


class _Group(NamedTuple):
    """The group that is compared: all, one stage or one data type."""

    level: Level
    name: str


def strata(asked: QueryContext) -> str:
    """Return the counts for conversion and satisfaction, one row per stratum, separately with and without data.

    ``data_type`` '' is any or none; other values are single types, of conversations with data.
    """
    return f"""SELECT * FROM
(
{_strata(asked, "'' AS data_type", ("stage", "channel", "data_used"))}
UNION ALL
{_strata(asked, "arrayJoin(data_types) AS data_type", ("stage", "channel", "data_used", "data_type"))}
)
ORDER BY user_id, stage, channel, data_used, data_type
"""


def _strata(asked: QueryContext, data_type: str, by: tuple[str, ...]) -> str:
    return f"""SELECT user_id, stage, channel, data_used, {data_type},
    toUInt64(sum(c.conversations)) AS conversations,
    toUInt64(sum(converted_count)) AS conversions,
    toUInt64(sum(satisfaction_count)) AS rated,
    toFloat64(sum(satisfaction_sum)) AS stars_sum,
    toFloat64(sum(satisfaction_squares)) AS stars_squares
FROM {counts(replace(asked, by=by, reads=_READS))} AS c
GROUP BY user_id, stage, channel, data_used, data_type"""


def conversion(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the share that converted with and without data, over all, by stage and by data type."""
    return _compared(rows, lambda row: yes_no(int(row["conversations"]), int(row["conversions"])), _share)


def satisfaction(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the mean rating (1 to 5) with and without data, and their ``correlation``."""
    compared = _compared(rows, _stars, _mean)
    for row in compared:
        group = _Group(row["level"], row["name"])
        found = _together([one for one in rows if _belongs(one, group)])
        row["correlation"], row["correlation_lower"], row["correlation_upper"] = found[:3]
    return compared


def _stars(row: Mapping[str, Any]) -> Arm:
    return Arm(int(row["rated"]), float(row["stars_sum"]), float(row["stars_squares"]))


def _compared(
    rows: Sequence[Mapping[str, Any]], arm: Callable[[Mapping[str, Any]], Arm], shown: Callable[[Arm, str], Row]
) -> list[Row]:
    made = []
    for group in _groups(rows):
        cells: dict[tuple[str, ...], dict[bool, Arm]] = {}
        for row in rows:
            if _belongs(row, group):
                key = (str(row["user_id"]), str(row["stage"]), str(row["channel"]))
                cells.setdefault(key, {})[bool(row["data_used"])] = arm(row)
        nobody = Arm(0, 0.0, 0.0)
        pairs = [Stratum(cell.get(True, nobody), cell.get(False, nobody)) for cell in cells.values()]
        lift = difference(pairs)
        made.append(
            {
                "level": group.level,
                "name": group.name,
                **shown(_sum(pair.treated for pair in pairs), "with"),
                **shown(_sum(pair.control for pair in pairs), "without"),
                **_estimate(lift),
            }
        )
    return made


def _groups(rows: Iterable[Mapping[str, Any]]) -> list[_Group]:
    there = list(rows)
    stages = sorted({str(row["stage"]) for row in there})
    types = sorted({str(row["data_type"]) for row in there} - {""})
    return [
        _Group("all", ""),
        *(_Group("stage", stage) for stage in stages),
        *(_Group("data_type", one) for one in types),
    ]


def _belongs(row: Mapping[str, Any], group: _Group) -> bool:
    if group.level == "data_type":
        return bool(row["data_type"] == (group.name if row["data_used"] else ""))
    return row["data_type"] == "" and (group.level == "all" or row["stage"] == group.name)


def _estimate(lift: Estimate) -> Row:
    note = lift.note
    if lift.left_out and not note:
        note = f"{lift.left_out} with data had nobody to compare with and do not count"
    return {"lift": lift.value, "lower": lift.lower, "upper": lift.upper, "note": note}


def _share(arm: Arm, name: str) -> Row:
    bounds = wilson(round(arm.total), arm.n)
    return {
        f"{name}_count": arm.n,
        f"{name}_rate": arm.mean if arm.n else None,
        f"{name}_lower": bounds.lower,
        f"{name}_upper": bounds.upper,
    }


def _mean(arm: Arm, name: str) -> Row:
    bounds = mean_interval(arm)
    return {
        f"{name}_count": arm.n,
        f"{name}_stars": arm.mean if arm.n else None,
        f"{name}_lower": bounds.lower,
        f"{name}_upper": bounds.upper,
    }


def _sum(arms: Iterable[Arm]) -> Arm:
    every = list(arms)
    return Arm(sum(one.n for one in every), sum(one.total for one in every), sum(one.squares for one in every))


def _together(rows: Sequence[Mapping[str, Any]]) -> Estimate:
    """Return the point-biserial correlation of using data and the rating."""
    every, used = _sum(map(_stars, rows)), _sum(_stars(row) for row in rows if row["data_used"])
    return correlation(every.n, (float(used.n), every.total), (float(used.n), every.squares), used.total)
