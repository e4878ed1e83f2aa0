"""Verdicts on resolved insights, and the precision of each kind that follows from them."""

from __future__ import annotations

from kpis.sql.dialect import Dialect


def last_verdicts(dialect: Dialect) -> str:
    """Return a SELECT of the last verdict on each insight in the range; empty of one that was reopened."""
    return (
        "SELECT any(r.user_id) AS user_id, toString(any(r.kind)) AS kind, "
        "argMax(toString(r.verdict), (r.responded_at, r.id)) AS verdict, max(r.responded_at) AS decided_at "
        f"FROM insight_responses AS r FINAL WHERE {dialect.tenant('r.user_id')} AND r.responded_at >= {dialect.start} "
        f"AND r.responded_at < {dialect.end} AND r.action IN ('resolve', 'reopen') GROUP BY r.insight_id"
    )


def precision(dialect: Dialect) -> str:
    """Return a SELECT of the verdicts given in the range: counts by kind, and the precision with its 95 % interval.

    Precision is real / (real + false alarms), NULL of nothing; known problems count neither way. The last verdict on an
    insight counts, and none on one that was reopened.
    """
    return f"""
SELECT kind, countIf(verdict = 'real') AS real, countIf(verdict = 'false_alarm') AS false_alarms,
    countIf(verdict = 'known') AS known, real / nullIf(real + false_alarms, 0) AS precision,
    romashka_wilson_low(real, real + false_alarms) AS low, romashka_wilson_high(real, real + false_alarms) AS high
FROM ({last_verdicts(dialect)})
WHERE verdict != ''
GROUP BY kind
ORDER BY real + false_alarms DESC, kind
LIMIT 50"""
