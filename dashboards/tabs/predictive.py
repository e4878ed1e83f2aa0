"""Predictive Analytics: who may leave, who may buy more, and what integrations will need."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Ask, Column, Link, Panel, Picture, Row, Tab
from dashboards.tabs import names
from dashboards.tabs.parts import FINDING_COLUMNS, SEVERITIES, findings, of_links, tile, together
from kpis.dialect import Dialect
from kpis.kpi import Unit

_PROVIDER: Final = frozenset({"provider"})


def _forecast(metric: str) -> Ask:
    def render(dialect: Dialect) -> str:
        where = f"{of_links(dialect)} AND metric = '{metric}'"
        return f"""
WITH (SELECT max(made_at) FROM integration_forecasts WHERE {where}) AS latest
SELECT toDateTime(toStartOfInterval(target_time, INTERVAL 3 HOUR), 'UTC') AS time,
    sum(value) AS forecast, sum(lower) AS forecast_lower, sum(upper) AS forecast_upper
FROM integration_forecasts FINAL
WHERE {where} AND made_at = latest
GROUP BY time
ORDER BY time"""

    return Ask(_PROVIDER, render)


def _ahead(id_: int, title: str, question: str, metric: str, what: str) -> Panel:
    return Panel(
        id=id_,
        title=title,
        description=f"{question} {what}; the band holds nine of ten.",
        picture=Picture.TIME_SERIES,
        asks={"A": _forecast(metric)},
        no_data="No forecast was made yet; it takes two weeks of history",
        width=12,
        height=9,
        unit=Unit.COUNT,
        columns=(Column("forecast", "Forecast"), Column("forecast_lower", "Low"), Column("forecast_upper", "High")),
    )


def _customers(insight_type: str) -> Ask:
    def render(dialect: Dialect) -> str:
        return f"""
SELECT severity, if(customer_id = '', 'the tenant itself', substring(customer_id, 1, 16)) AS customer,
    confidence_score AS probability, arrayStringConcat(contributing_factors, '; ') AS why,
    arrayElement(recommended_actions, 1) AS action, predicted_value, started_at
FROM predictive_insights FINAL
WHERE insight_type = '{insight_type}' AND status = 'open' AND {dialect.tenant("user_id")}
ORDER BY probability DESC
LIMIT 100"""

    return Ask(frozenset(), render)


def _quality(dialect: Dialect) -> str:
    # The models are shared by all tenants: what they are worth is not any one tenant's.
    return f"""
SELECT model, role, measured_at, predictions
FROM customer_model_quality FINAL
WHERE measured_at < {dialect.end}
ORDER BY measured_at DESC
LIMIT 20"""


def _tenths(columns: str) -> Ask:
    def render(dialect: Dialect) -> str:
        where = f"model = 'churn' AND role = 'champion' AND measured_at < {dialect.end}"
        return f"""
SELECT toString(decile) AS tenth, {columns}
FROM customer_model_deciles FINAL
WHERE {where} AND measured_at = (SELECT max(measured_at) FROM customer_model_deciles WHERE {where})
ORDER BY decile"""

    return Ask(frozenset(), render)


_CUSTOMER_COLUMNS: Final = (
    Column("severity", "Severity", states=SEVERITIES, width=110),
    Column("customer", "Customer (pseudonym)", width=170),
    Column("probability", "Probability", Unit.RATIO),
    Column("why", "Why", wrap=True),
    Column("action", "What to do", wrap=True),
    Column("predicted_value", "Value", Unit.MONEY),
    Column("started_at", "Since", width=170),
)

_NUMBERS: Final = Row(
    "At a glance",
    together(
        tile(
            1, "How many anomalies are open?", "open_incidents", link=Link("The anomalies", names.PREDICTIVE, panel=30)
        ),
        tile(
            2, "How many began in this range?", "incident_count", link=Link("The anomalies", names.PREDICTIVE, panel=30)
        ),
        tile(
            3, "How many customers may leave?", "churn_at_risk_customers", link=Link("Who", names.PREDICTIVE, panel=10)
        ),
        tile(4, "How many may buy more?", "upsell_opportunities", link=Link("Who", names.PREDICTIVE, panel=11)),
        tile(5, "What do integrations need?", "integration_needs", link=Link("What", names.PREDICTIVE, panel=22)),
        tile(6, "How many key figures moved?", "kpi_changes", link=Link("Which", names.PREDICTIVE, panel=23)),
    ),
)

_CUSTOMERS: Final = Row(
    "Customers",
    (
        Panel(
            id=10,
            title="Churn risks",
            description="Who is about to leave, and why? "
            "Open churn risks: a calibrated probability, what speaks for it, and what to do. Customers are "
            "pseudonyms; the tenant's own system knows who they are.",
            picture=Picture.TABLE,
            asks={"A": _customers("churn_risk")},
            no_data="No customer stands out, or too little is known yet (docs/models/churn.md)",
            width=24,
            height=8,
            columns=_CUSTOMER_COLUMNS,
        ),
        Panel(
            id=11,
            title="Upsell opportunities",
            description="Who may buy more? Open opportunities with the value that the tenant's upsells usually have.",
            picture=Picture.TABLE,
            asks={"A": _customers("upsell_opportunity")},
            no_data="No opportunity stands out, or too little is known yet (docs/models/upsell.md)",
            width=24,
            height=8,
            columns=_CUSTOMER_COLUMNS,
        ),
    ),
)

_AHEAD: Final = Row(
    "The next seven days",
    (
        _ahead(
            20,
            "Query volume forecast",
            "How many queries are to come?",
            "queries",
            "The newest forecast by three hours",
        ),
        _ahead(
            21,
            "Failed queries forecast",
            "How many of them will fail?",
            "errors",
            "The newest forecast of failed queries by three hours",
        ),
        Panel(
            id=22,
            title="Integration needs",
            description="What will integrations need? "
            "Providers and data that knowledge gaps ask for, quotas that will not do, growth.",
            picture=Picture.TABLE,
            asks={"A": findings("insight_type = 'integration_need'")},
            no_data="Nothing is needed as far as the data tells",
            width=24,
            height=8,
            columns=FINDING_COLUMNS,
        ),
        Panel(
            id=23,
            title="KPI changes",
            description="Which key figures moved? Figures outside of what their own weeks and days led to expect.",
            picture=Picture.TABLE,
            asks={"A": findings("insight_type = 'kpi_change'")},
            no_data="No key figure moved out of its ordinary range",
            width=24,
            height=8,
            columns=FINDING_COLUMNS,
        ),
    ),
)

_TRUST: Final = Row(
    "Can this be trusted?",
    (
        Panel(
            id=30,
            title="Anomalies",
            description="Which anomalies were found? "
            "Everything the detectors reported in this range, from begin to end.",
            picture=Picture.TABLE,
            asks={"A": findings("insight_type = 'performance_anomaly'", 200)},
            no_data="The detectors found nothing unusual",
            width=24,
            height=9,
            columns=FINDING_COLUMNS,
        ),
        Panel(
            id=31,
            title="Model labels",
            description="On how many labels do the models rest? "
            "Predictions whose truth is known by now; the champion decides, the challenger only watches. "
            "The models are shared by all tenants.",
            picture=Picture.TABLE,
            asks={"A": Ask(frozenset(), _quality)},
            no_data="No prediction has met its label yet",
            width=24,
            height=5,
            columns=(
                Column("model", "Model"),
                Column("role", "Role"),
                Column("measured_at", "Measured"),
                Column("predictions", "Predictions", Unit.COUNT),
            ),
        ),
        Panel(
            id=32,
            title="Churn model: reliability",
            description="Do predicted departures come true? Predictions that have met their label, in tenths from the "
            "highest to the lowest, each made before its label was known. Bars of equal height mean that a probability "
            "is what it says.",
            picture=Picture.BARS,
            asks={"A": _tenths("predicted, observed")},
            no_data="The model has no prediction whose truth is known by now; it takes about three months of history",
            width=12,
            height=8,
            unit=Unit.RATIO,
            columns=(
                Column("tenth", "Tenth of predictions"),
                Column("predicted", "Predicted to leave"),
                Column("observed", "Left"),
            ),
        ),
        Panel(
            id=33,
            title="Churn model: lift by decile",
            description="How much better than chance are the predictions? How many times the share of all customers "
            "left in each tenth of the predictions, from the highest to the lowest. 1 is chance.",
            picture=Picture.BARS,
            asks={"A": _tenths("lift")},
            no_data="The model has no prediction whose truth is known by now; it takes about three months of history",
            width=12,
            height=8,
            unit=Unit.SCORE,
            columns=(Column("tenth", "Tenth of predictions"), Column("lift", "Times the average")),
        ),
    ),
)

TAB: Final = Tab(
    uid=names.PREDICTIVE,
    title="Predictive Analytics",
    about="Who may leave, who may buy more, and what will integrations need?",
    rows=(_NUMBERS, _CUSTOMERS, _AHEAD, _TRUST),
    variables=("provider",),
    audience="analyst",
    # Forecasts lie ahead: a range that ends now shows none of them.
    until="now+7d",
)
