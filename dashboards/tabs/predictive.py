"""Predictive Analytics: who may leave, who may buy more, and what integrations will need."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Tab
from dashboards.tabs import names, precision
from dashboards.tabs.parts import (
    FINDING_COLUMNS,
    OPEN_COLUMNS,
    SEVERITIES,
    findings,
    of_links,
    tenant_and_id,
    tenant_columns,
    tile,
    together,
)
from kpis.kpi import Unit
from kpis.query import select
from kpis.scope import Interval
from kpis.sql.conditions import open_at_end
from kpis.sql.dialect import Dialect
from models.insights import TRAINED_KINDS

_PROVIDER: Final = frozenset({"provider"})


_SEEN: Final = {"queries": "query_count", "errors": "round(query_count * ifNull(error_rate, 0))"}
"""Metric of the forecasts → what it was, of the registry's figures by hour."""


def _forecast(metric: str) -> PanelQuery:
    """Ask for the seven days until now as they were, and the seven after it as the newest forecast has them."""

    def render(dialect: Dialect) -> str:
        where = f"{of_links(dialect)} AND metric = '{metric}'"
        now = f"toDateTime({dialect.now}, 'UTC')"
        week = dialect.over(f"toStartOfInterval({now} - INTERVAL 7 DAY, INTERVAL 3 HOUR)", now)
        hours = select(("query_count", "error_rate"), week, every=Interval.HOUR, bounds=False)
        return f"""
WITH (SELECT max(made_at) FROM integration_forecasts WHERE {where}) AS latest
SELECT time, max(seen) AS actual, max(value) AS forecast, max(low) AS forecast_lower, max(high) AS forecast_upper
FROM
(
    SELECT toDateTime(toStartOfInterval(hours.time, INTERVAL 3 HOUR), 'UTC') AS time,
        toNullable(toFloat64(sum({_SEEN[metric]}))) AS seen, NULL AS value, NULL AS low, NULL AS high
    FROM ({hours}) AS hours
    GROUP BY time
    -- Three hours that are not over would look like a fall.
    HAVING time + INTERVAL 3 HOUR <= {now}
    UNION ALL
    SELECT toDateTime(toStartOfInterval(target_time, INTERVAL 3 HOUR), 'UTC') AS time,
        NULL AS seen, toNullable(toFloat64(sum(f.value))) AS value, toFloat64(sum(f.lower)) AS low,
        toFloat64(sum(f.upper)) AS high
    FROM integration_forecasts AS f FINAL
    WHERE {where} AND made_at = latest
    GROUP BY time
)
GROUP BY time
ORDER BY time"""

    return PanelQuery(_PROVIDER, render)


def _ahead(id_: int, title: str, question: str, metric: str, what: str) -> Panel:
    return Panel(
        id=id_,
        title=title,
        description=f"{question} {what} The seven days until now and the seven after it, by three hours, whatever "
        "range is chosen; the band holds nine of ten.",
        picture=PanelType.TIME_SERIES,
        asks={"A": _forecast(metric)},
        no_data="No forecast was made yet; it takes two weeks of history",
        width=12,
        height=9,
        unit=Unit.COUNT,
        columns=(
            Column("actual", "Actual"),
            Column("forecast", "Forecast"),
            Column("forecast_lower", "Low"),
            Column("forecast_upper", "High"),
        ),
        # From seven days ago to seven days ahead, whatever range is chosen.
        span=("+14d", "7d"),
    )


def _customers(insight_type: str) -> PanelQuery:
    # A share of other customers or tenants is no chance of this one.
    trained = ", ".join(f"'{kind}'" for kind in sorted(TRAINED_KINDS))
    chance = f"if(kind IN ({trained}), confidence_score, NULL)"
    worth = f"if(kind IN ({trained}), predicted_value, NULL)"

    def render(dialect: Dialect) -> str:
        return f"""
SELECT severity, title, {chance} AS chance, {worth} AS worth,
    arrayStringConcat(contributing_factors, '; ') AS why,
    arrayElement(recommended_actions, 1) AS action, {tenant_and_id("user_id")}, started_at
FROM predictive_insights FINAL
WHERE insight_type = '{insight_type}' AND {open_at_end("predictive_insights", dialect)} AND {dialect.tenant("user_id")}
ORDER BY customer_id = '' DESC, worth DESC NULLS LAST, chance DESC NULLS LAST,
    severity = 'critical' DESC, severity = 'warning' DESC,
    observed / nullIf(expected, 0) DESC NULLS LAST
LIMIT 1000"""

    return PanelQuery(frozenset(), render)


def _quality(dialect: Dialect) -> str:
    # The models are shared by all tenants: what they are worth is not any one tenant's.
    return f"""
SELECT model, role, measured_at, predictions
FROM customer_model_quality FINAL
WHERE measured_at < {dialect.end}
ORDER BY measured_at DESC
LIMIT 20"""


def _tenths(columns: str) -> PanelQuery:
    def render(dialect: Dialect) -> str:
        where = f"model = 'churn' AND role = 'champion' AND measured_at < {dialect.end}"
        return f"""
SELECT toString(decile) AS tenth, {columns}
FROM customer_model_deciles FINAL
WHERE {where} AND measured_at = (SELECT max(measured_at) FROM customer_model_deciles WHERE {where})
ORDER BY decile"""

    return PanelQuery(frozenset(), render)


_CUSTOMER_COLUMNS: Final = (
    Column("severity", "Severity", states=SEVERITIES, width=105),
    Column("title", "What", wrap=True),
    Column("chance", "Chance (of a trained model)", Unit.RATIO, width=100),
    Column("worth", "Acting is worth", Unit.MONEY, width=115),
    Column("why", "Why", wrap=True),
    Column("action", "What to do", wrap=True, link=PanelLink("Conversation Intelligence", names.CONVERSATIONS)),
    *tenant_columns(names.PREDICTIVE, 105),
    Column("started_at", "Since", moment="minute"),
)

_NUMBERS: Final = PanelRow(
    "At a glance",
    together(
        tile(
            1,
            "How many anomalies are open?",
            "open_incidents",
            link=PanelLink("The anomalies", names.PREDICTIVE, panel=30),
        ),
        tile(
            2,
            "How many began in this range?",
            "incident_count",
            link=PanelLink("The anomalies", names.PREDICTIVE, panel=30),
        ),
        tile(
            3,
            "How many customers may leave?",
            "churn_at_risk_customers",
            link=PanelLink("Who", names.PREDICTIVE, panel=10),
        ),
        tile(4, "How many may buy more?", "upsell_opportunities", link=PanelLink("Who", names.PREDICTIVE, panel=11)),
        tile(5, "What do integrations need?", "integration_needs", link=PanelLink("What", names.PREDICTIVE, panel=22)),
        tile(6, "How many key figures moved?", "kpi_changes", link=PanelLink("Which", names.PREDICTIVE, panel=23)),
    ),
)

_CUSTOMERS: Final = PanelRow(
    "Customers",
    (
        Panel(
            id=10,
            title="Customers overdue or at risk",
            description="Who is overdue or may leave, and why? "
            "Open risks: what speaks for them, and what to do. A chance is shown only where a model was trained; "
            "a customer who is overdue has none. A warning about many customers at once stands first, then those where "
            "acting is expected to be worth most: chance times money at stake times the effect of the action, in the "
            "tenant's currency. At most ten are new in a week. Customers are "
            "pseudonyms; the tenant's own system knows who they are.",
            picture=PanelType.TABLE,
            asks={"A": _customers("churn_risk")},
            no_data="No customer stands out, or too little is known yet (docs/models/churn.md)",
            width=24,
            height=12,
            columns=_CUSTOMER_COLUMNS,
        ),
        Panel(
            id=11,
            title="Upsell opportunities",
            description="Who may buy more? Open opportunities with the value that the tenant's upsells usually have.",
            picture=PanelType.TABLE,
            asks={"A": _customers("upsell_opportunity")},
            no_data="No opportunity stands out, or too little is known yet (docs/models/upsell.md)",
            width=24,
            height=8,
            columns=_CUSTOMER_COLUMNS,
        ),
    ),
)

_AHEAD: Final = PanelRow(
    "The next seven days",
    (
        _ahead(
            20,
            "Query volume forecast",
            "How many queries are to come?",
            "queries",
            "Actual queries and their newest forecast.",
        ),
        _ahead(
            21,
            "Failed queries forecast",
            "How many of them will fail?",
            "errors",
            "Actual failed queries and their newest forecast.",
        ),
        Panel(
            id=22,
            title="Integration needs",
            description="What will integrations need? "
            "Providers and data that knowledge gaps ask for, quotas that will not do, growth.",
            picture=PanelType.TABLE,
            asks={"A": findings("insight_type = 'integration_need'")},
            no_data="Nothing is needed as far as the data tells",
            width=24,
            height=8,
            columns=OPEN_COLUMNS,
        ),
        Panel(
            id=23,
            title="KPI changes",
            description="Which key figures moved? Figures outside of what their own weeks and days led to expect.",
            picture=PanelType.TABLE,
            asks={"A": findings("insight_type = 'kpi_change'")},
            no_data="No key figure moved out of its ordinary range",
            width=24,
            height=8,
            columns=FINDING_COLUMNS,
        ),
    ),
)

_TRUST: Final = PanelRow(
    "Can this be trusted?",
    (
        Panel(
            id=30,
            title="Anomalies",
            description="Which anomalies were found? "
            "Everything the detectors reported in this range, from begin to end.",
            picture=PanelType.TABLE,
            asks={"A": findings("insight_type = 'performance_anomaly'", 200)},
            no_data="The detectors found nothing unusual",
            width=24,
            height=9,
            columns=FINDING_COLUMNS,
        ),
        *precision.PANELS,
        Panel(
            id=31,
            title="Model labels",
            description="On how many labels do the models rest? "
            "Predictions whose truth is known by now; the champion decides, the challenger only watches. "
            "The models are shared by all tenants.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset(), _quality)},
            no_data="No prediction has met its label yet",
            width=24,
            height=5,
            columns=(
                Column("model", "Model", width=90),
                Column("role", "Role", width=110),
                Column("measured_at", "Measured", moment="minute"),
                Column("predictions", "Predictions", Unit.COUNT),
            ),
        ),
        Panel(
            id=32,
            title="Churn model: reliability",
            description="Do predicted departures come true? Predictions that have met their label, in tenths from the "
            "highest to the lowest, each made before its label was known. Bars of equal height mean that a probability "
            "is what it says.",
            picture=PanelType.BARS,
            asks={"A": _tenths("predicted, observed")},
            no_data="The model has no prediction whose truth is known by now; it takes about three months of history",
            width=12,
            height=8,
            unit=Unit.RATIO,
            columns=(
                Column("tenth", "Tenth of predictions", Unit.COUNT),
                Column("predicted", "Predicted to leave"),
                Column("observed", "Left"),
            ),
        ),
        Panel(
            id=33,
            title="Churn model: lift by decile",
            description="How much better than chance are the predictions? How many times the share of all customers "
            "left in each tenth of the predictions, from the highest to the lowest. 1 is chance.",
            picture=PanelType.BARS,
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
)
