"""Verdicts on resolved insights, and the precision of each kind that follows from them."""

from __future__ import annotations

from kpis.sql.dialect import Dialect


def precision(dialect: Dialect) -> str:
    """Return a SELECT of the verdicts given in the range: counts by kind, and the precision with its 95 % interval.

    Precision is real / (real + false alarms), NULL of nothing; known problems count neither way. The last verdict on an
    insight counts, and none on one that was reopened.
    """
    return f"""
SELECT kind, countIf(verdict = 'real') AS real, countIf(verdict = 'false_alarm') AS false_alarms,
    countIf(verdict = 'known') AS known, real / nullIf(real + false_alarms, 0) AS precision,
    romashka_wilson_low(real, real + false_alarms) AS low, romashka_wilson_high(real, real + false_alarms) AS high
FROM
(
    SELECT any(kind) AS kind, argMax(verdict, (responded_at, id)) AS verdict
    FROM insight_responses FINAL
    WHERE {dialect.tenant("user_id")} AND responded_at >= {dialect.start} AND responded_at < {dialect.end}
        AND action IN ('resolve', 'reopen')
    GROUP BY insight_id
)
WHERE verdict != ''
GROUP BY kind
ORDER BY real + false_alarms DESC, kind
LIMIT 50"""
