"""Counts of insights. The insights themselves are in ``predictive_insights``."""

from __future__ import annotations

from typing import Final

from kpis.contribution import Makeup
from kpis.kpi import Area, Kpi, Unit
from kpis.sources.insights import BEGUN, NEED_ATTENTION, OPEN
from kpis.sql.formulas import ROWS, Term, total

# A wave insight names no single customer.
_AT_RISK: Final = Term("uniqExactIf((user_id, customer_id), insight_type = 'churn_risk' AND customer_id != '')")


def _count(insight_type: str) -> Term:
    return Term(f"countIf(insight_type = '{insight_type}')")


KPIS: Final = (
    Kpi(
        id="incident_count",
        title="Anomalies",
        meaning="Number of anomalies of integrations (errors, volume, latency, syncs) that began in the range.",
        unit=Unit.COUNT,
        direction="down",
        area=Area.PREDICTIVE,
        computed=total(_count("performance_anomaly"), ROWS).over(BEGUN),
    ),
    Kpi(
        id="open_incidents",
        title="Open incidents",
        meaning=(
            "Findings that need attention: anomalies of integrations and changes of key figures, of severity "
            "warning or critical, open at the end of the range; an outage at many tenants counts once. In a "
            "series: by their start."
        ),
        unit=Unit.COUNT,
        direction="down",
        area=Area.MONITORING,
        computed=total(ROWS, ROWS).over(NEED_ATTENTION),
    ),
    Kpi(
        id="kpi_changes",
        title="KPI changes",
        meaning="Number of significant changes of key figures in the range.",
        unit=Unit.COUNT,
        direction="neutral",
        area=Area.PREDICTIVE,
        computed=total(_count("kpi_change"), ROWS).over(BEGUN),
    ),
    Kpi(
        id="churn_at_risk_customers",
        title="Customers overdue or at risk",
        meaning=(
            "Number of customers who were overdue, or likely to churn according to a trained model, at the end "
            "of the range."
        ),
        unit=Unit.COUNT,
        direction="down",
        area=Area.PREDICTIVE,
        computed=total(_AT_RISK, ROWS)._replace(makeup=Makeup.NEITHER).over(OPEN),
    ),
    Kpi(
        id="upsell_opportunities",
        title="Upsell opportunities",
        meaning=(
            "Number of opportunities open at the end of the range: of customers, and of the tenant as a whole "
            "(a larger plan, an integration that is not connected)."
        ),
        unit=Unit.COUNT,
        direction="up",
        area=Area.PREDICTIVE,
        computed=total(_count("upsell_opportunity"), ROWS).over(OPEN),
    ),
    Kpi(
        id="integration_needs",
        title="Integrations needed",
        meaning="Number of forecast needs for an integration or for more capacity, open at the end of the range.",
        unit=Unit.COUNT,
        direction="neutral",
        area=Area.PREDICTIVE,
        computed=total(_count("integration_need"), ROWS).over(OPEN),
    ),
)
