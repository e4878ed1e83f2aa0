"""Cost of an integration incident: failed queries, affected conversations, lost resolutions and revenue.

*Affected* are conversations in which a query to the integration failed during the fault. They are compared with
conversations of the ``BASELINE_DAYS`` before that queried the same integration without failures, within tenant, stage
and channel. Lost resolutions are the expected durable resolutions that did not happen; value at risk is the revenue
(sales less refunds) of such conversations less that of the affected ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from kpis.analyses.conversation_facts import conversations_of
from kpis.sql.query_context import QueryContext
from kpis.statistics import Arm, Stratum, difference, scaled, yes_no
from models.errors import InvalidRequest
from models.query import Query

BASELINE_DAYS: Final = 28

_INSIGHT: Final = """
SELECT user_id, integration_provider, started_at, ended_at
FROM predictive_insights FINAL
WHERE id = {insight:UUID} AND integration_provider != ''
"""

_FAULT: Final = """
WITH {wide},
asked AS
(
    SELECT user_id, conversation_id,
        countIf(NOT query_success AND created_at >= {start} AND created_at < {end}) AS failed,
        countIf(NOT query_success) AS ever_failed,
        count() AS queries
    FROM integration_query_metrics FINAL
    WHERE {tenant} AND {provider} AND created_at >= {baseline} AND created_at < {end}
    GROUP BY user_id, conversation_id
),
hit AS
(
    SELECT wide.*, asked.failed AS failed, asked.failed > 0 AS affected
    FROM wide INNER JOIN asked USING (user_id, conversation_id)
    WHERE asked.failed > 0 OR (asked.ever_failed = 0 AND wide.entered_at < {start})
),
contact AS
(
    SELECT user_id, toDecimal128OrNull(argMax(value, effective_from), 4) AS cost
    FROM tenant_settings FINAL
    WHERE {tenant} AND setting = 'cost_per_human_contact' AND effective_from <= toDate({start})
    GROUP BY user_id
)
SELECT
    hit.user_id AS user_id,
    hit.stage AS stage,
    hit.channel AS channel,
    hit.affected AS affected,
    count() AS conversations,
    sum(hit.failed) AS failed_answers,
    countIf(hit.durable) AS durable,
    countIf(hit.handed_over) AS handed_over,
    toFloat64(sum(hit.value)) AS earned,
    sum(toFloat64(hit.value) * toFloat64(hit.value)) AS earned_squares,
    any(contact.cost) AS contact_cost
FROM hit LEFT JOIN contact ON hit.user_id = contact.user_id
GROUP BY user_id, stage, channel, affected
ORDER BY user_id, stage, channel, affected
"""


def fault_of(insight: UUID) -> Query:
    """Return the scope of an insight's incident: tenant, integration, start, and end if it is closed."""
    return Query(_INSIGHT, {"insight": str(insight)})


def fault(asked: QueryContext) -> str:
    """Return the counts of affected conversations and of the baseline; the range is that of the incident.

    Raises
    ------
    SettingsError
        The scope does not name the integration (``provider``).
    """
    dialect = asked.dialect
    if "provider" not in dialect.filters:
        raise InvalidRequest("provider", "missing; expected the integration that had the incident")
    baseline = f"({dialect.start} - INTERVAL {BASELINE_DAYS} DAY)"
    # A conversation is affected by the time of its query; it may have started earlier.
    over = dialect.over(baseline, dialect.end, narrowed=False)
    return _FAULT.format(
        wide=conversations_of(replace(asked, dialect=over), name="wide"),
        start=dialect.start,
        end=dialect.end,
        baseline=baseline,
        tenant=dialect.tenant("user_id"),
        provider=dialect.one_of("provider", "integration_provider"),
    )


def cost(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per tenant: affected answers and conversations, and what was lost, with 95 % bounds.

    A negative loss means that affected conversations did better than the baseline; bounds that include 0 are
    inconclusive.
    """
    tenants: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        tenants.setdefault(str(row["user_id"]), []).append(row)
    return [_cost(tenant, mine) for tenant, mine in tenants.items() if any(row["affected"] for row in mine)]


def _cost(tenant: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    hit = [row for row in rows if row["affected"]]
    conversations = sum(row["conversations"] for row in hit)
    resolved = difference(_strata(rows, _durable))
    earned = difference(_strata(rows, _earned))
    # The difference is affected less unaffected; a loss has the opposite sign.
    lost, risk = (scaled(one, -one.treated) for one in (resolved, earned))
    contact = hit[0]["contact_cost"]
    by_person = scaled(lost, float(contact)) if contact is not None else None
    notes = [lost.note]
    if lost.left_out and not lost.note:
        notes.append(f"{lost.left_out} of {conversations} had nobody to compare with and do not count")
    if contact is None:
        notes.append("not set: cost_per_human_contact")
    return {
        "user_id": tenant,
        "failed_answers": sum(row["failed_answers"] for row in hit),
        "conversations": conversations,
        "handed_over": sum(row["handed_over"] for row in hit),
        "compared_with": lost.control,
        "lost_resolutions": lost.value,
        "lost_lower": lost.lower,
        "lost_upper": lost.upper,
        "value_at_risk": risk.value,
        "risk_lower": risk.lower,
        "risk_upper": risk.upper,
        "contact_cost": None if by_person is None else by_person.value,
        "note": "; ".join(note for note in notes if note),
    }


def _durable(row: Mapping[str, Any]) -> Arm:
    return yes_no(int(row["conversations"]), int(row["durable"]))


def _earned(row: Mapping[str, Any]) -> Arm:
    return Arm(int(row["conversations"]), float(row["earned"]), float(row["earned_squares"]))


def _strata(rows: Sequence[Mapping[str, Any]], arm: Any) -> list[Stratum]:
    nobody = Arm(0, 0.0, 0.0)
    cells: dict[tuple[str, str], dict[bool, Arm]] = {}
    for row in rows:
        cells.setdefault((row["stage"], row["channel"]), {})[bool(row["affected"])] = arm(row)
    return [Stratum(cell.get(True, nobody), cell.get(False, nobody)) for cell in cells.values()]
