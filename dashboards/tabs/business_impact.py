"""Business Impact: what the AI's work with integrations saves, earns and changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Shared, Tab
from dashboards.panel_queries import column, series, split
from dashboards.tabs import names
from dashboards.tabs.lift import LIFT
from dashboards.tabs.parts import (
    EMPTY,
    UNSET,
    analysed,
    of_links,
    tenant_and_id,
    tenant_columns,
    tile,
    together,
)
from kpis.analyses import attribution
from kpis.kpi import Unit
from kpis.registry import get
from kpis.scope import Interval
from kpis.sql.dialect import Dialect

# "integration_cost_per_month:hubspot" is for commands; people read "integration cost / month, hubspot".
_IN_WORDS: Final = "replaceAll(replaceAll(replaceAll(s.setting, '_', ' '), ':', ', '), ' per month', ' / month')"


_SHARED_OUT: Final = f"""
SELECT {tenant_and_id("r.user_id")}, if(r.provider = '', 'none', r.provider) AS provider,
    replaceAll(r.rule, '_', ' ') AS rule, r.sales AS sales, r.revenue AS revenue
FROM {{rows}} AS r ORDER BY revenue DESC LIMIT 200"""


# What is drawn with data and without, and the panel that asks it.
_COMPARED: Final = ("conversion_rate", "csat")
_COMPARED_PANEL: Final = 10


def _notes(dialect: Dialect) -> str:
    return f"""
SELECT {tenant_and_id("s.user_id")}, {_IN_WORDS} AS setting,
    argMax(s.value, s.effective_from) AS value, max(s.effective_from) AS since
FROM tenant_settings AS s FINAL
WHERE {dialect.tenant("s.user_id")} AND s.effective_from <= toDate({dialect.end})
GROUP BY s.user_id, s.setting
ORDER BY tenant, setting
LIMIT 200"""


def _impact(dialect: Dialect) -> str:
    return f"""
SELECT replaceAll(toString(metric_type), '_', ' ') AS metric_type, integration_provider,
    toDate(period_start) AS since, toDate(period_end) AS until,
    toFloat64(baseline_value) AS baseline,
    toFloat64(current_value) AS current, toFloat64(improvement_percentage) / 100 AS improvement,
    treated, control, restated_at
FROM business_impact_metrics FINAL
WHERE {of_links(dialect)} AND period_end > {dialect.start} AND period_start < {dialect.end}
ORDER BY since DESC, metric_type, treated DESC
LIMIT 300"""


def _by_provider() -> PanelQuery:
    asked = split("influenced_revenue", by=("provider",))

    def render(dialect: Dialect) -> str:
        # Of several tenants there is no sum of currencies: nothing rather than what happens to be one tenant's.
        return (
            f"SELECT provider, influenced_revenue FROM ({asked.render(dialect)}) "
            "WHERE influenced_revenue IS NOT NULL AND provider != 'unnamed' ORDER BY influenced_revenue DESC"
        )

    return PanelQuery(asked.filters, render)


def _with_and_without(id_: int, title: str, description: str, kpi: str) -> Panel:
    """Return a figure by day with data and without; Grafana asks one statement for all of them."""
    asked = series(kpi, every=Interval.DAY, by=("data_used",))

    def of(*kpis: str) -> Callable[[Dialect], str]:
        rows = series(*kpis, every=Interval.DAY, by=("data_used",)).render
        return lambda dialect: (
            f"SELECT time, if(data_used, 'with data', 'without data') AS data, {', '.join(kpis)} "
            f"FROM ({rows(dialect)}) ORDER BY time, data"
        )

    return Panel(
        id=id_,
        title=title,
        description=description,
        picture=PanelType.TIME_SERIES,
        asks={"A": PanelQuery(asked.filters - {"provider"}, of(kpi), shared=Shared(_COMPARED_PANEL, of(*_COMPARED)))},
        no_data=EMPTY,
        width=12,
        height=8,
        unit=get(kpi).unit,
        columns=(column(kpi),),
        by=("data",),
    )


_STAGES: Final = PanelLink("By stage", names.BUSINESS, panel=21)
_PERIOD: Final = PanelLink("By period", names.BUSINESS, panel=30)
_COSTS: Final = PanelLink("The costs behind it", names.BUSINESS, panel=31)
_SHARES: Final = PanelLink("How it is made up", names.BUSINESS, panel=32)
_ENDED: Final = PanelLink("Conversation Intelligence", names.CONVERSATIONS)

_MONEY: Final = PanelRow(
    "Savings and return",
    together(
        tile(1, "What did durable resolutions save?", "gross_savings", width=6, link=_COSTS, no_data=UNSET),
        tile(2, "What is left after all costs?", "net_savings", width=6, link=_COSTS, no_data=UNSET),
        tile(3, "What came back for each unit of cost?", "roi", width=6, link=_COSTS, no_data=UNSET),
        tile(4, "What revenue did data influence?", "influenced_revenue", width=6, link=_SHARES, no_data=UNSET),
    ),
)

_DIFFERENCE: Final = PanelRow(
    "What data changes",
    (
        *together(
            tile(5, "How much does data lift conversion?", "conversion_lift", width=6, link=_PERIOD),
            tile(6, "How much does data lift satisfaction?", "csat_lift", width=6, link=_PERIOD),
            tile(7, "How many conversations convert?", "conversion_rate", width=6, link=_STAGES),
            tile(8, "How many durable resolutions were there?", "durable_resolutions", width=6, link=_ENDED),
        ),
        _with_and_without(
            10,
            "Conversion rate with and without data",
            "Do conversations with data convert more often? "
            "Share that converted, by day. The plain comparison: stages and channels differ; the lift above is "
            "adjusted for them.",
            "conversion_rate",
        ),
        _with_and_without(
            11,
            "CSAT with and without data",
            "Are customers happier with data? Mean rating by day of conversations with and without integration data.",
            "csat",
        ),
        LIFT,
    ),
)

_WHERE: Final = PanelRow(
    "Where the money comes from",
    (
        Panel(
            id=20,
            title="Influenced revenue by integration",
            description="Which integration influenced how much revenue? "
            "Sales less refunds, shared out by the tenant's attribution rule and window. Influenced, not "
            "caused. Sales whose data named no integration are left out.",
            picture=PanelType.BARS,
            asks={"A": _by_provider()},
            no_data="No influenced sale in this range",
            width=12,
            height=8,
            unit=Unit.MONEY,
            columns=(Column("provider", "Integration"), column("influenced_revenue")),
        ),
        Panel(
            id=22,
            title="Performance by segment",
            description="Which segments bring in what? "
            "Conversations, conversion and value by customer segment. Currencies of several tenants do not "
            "add up: choose one.",
            picture=PanelType.TABLE,
            asks={"A": split("conversation_count", "conversion_rate", "value_generated", by=("segment",))},
            no_data=EMPTY,
            width=12,
            height=8,
            columns=(
                Column("segment", "Segment", blank="not said"),
                column("conversation_count"),
                column("conversion_rate"),
                column("value_generated"),
            ),
        ),
        Panel(
            id=21,
            title="Performance by journey stage",
            description="In which stage does data help most? "
            "Conversations, conversion and satisfaction by stage of the customer's journey.",
            picture=PanelType.TABLE,
            asks={
                "A": split("conversation_count", "conversion_rate", "csat", "durable_resolution_rate", by=("stage",))
            },
            no_data=EMPTY,
            width=24,
            height=7,
            columns=(
                Column("stage", "Stage", blank="not said", width=130),
                column("conversation_count"),
                column("conversion_rate"),
                column("csat"),
                column("durable_resolution_rate"),
            ),
            link=PanelLink("Conversation Intelligence", names.CONVERSATIONS),
        ),
    ),
)

_PERIODS: Final = PanelRow(
    "By month and week",
    (
        Panel(
            id=30,
            title="Impact by period",
            description="How does each period compare with no data at all? "
            "With the integration's data against the same tenant's conversations without any, alike in "
            "stage and channel. Rows of closed periods that late facts changed say when they were restated.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset({"provider"}), _impact)},
            no_data="No period has enough conversations to compare yet",
            width=24,
            height=9,
            columns=(
                Column("metric_type", "Metric", width=125),
                Column(
                    "integration_provider",
                    "Integration",
                    link=PanelLink("Its health", names.HEALTH, {"provider": "integration_provider"}),
                ),
                Column("since", "From", moment="day"),
                Column("until", "To", moment="day"),
                Column("baseline", "Without data", Unit.SCORE),
                Column("current", "With data", Unit.SCORE),
                Column("improvement", "Better by", Unit.RATIO),
                Column("treated", "With", Unit.COUNT),
                Column("control", "Without", Unit.COUNT),
                Column("restated_at", "Restated", moment="minute"),
            ),
        ),
        Panel(
            id=31,
            title="Cost inputs",
            description="Which costs do these figures rest on? "
            "The tenant's own inputs and the day they hold from. Nothing is assumed: a figure whose inputs "
            "are missing stays empty.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset(), _notes)},
            no_data=UNSET,
            width=12,
            height=9,
            columns=(
                *tenant_columns(names.BUSINESS, 110),
                Column("setting", "Setting", wrap=True),
                Column("value", "Value", width=75),
                Column("since", "Since", moment="day"),
            ),
        ),
        Panel(
            id=32,
            title="Influenced revenue breakdown",
            description="How is influenced revenue made up? "
            "By integration: sales that its data had a part in, what was refunded, and the conversations "
            "behind them.",
            picture=PanelType.TABLE,
            asks={"A": analysed(attribution.shared_out, _SHARED_OUT, frozenset())},
            no_data="No influenced sale in this range",
            width=12,
            height=9,
            columns=(
                *tenant_columns(names.BUSINESS),
                Column("provider", "Integration", link=PanelLink("Its health", names.HEALTH, {"provider": "provider"})),
                Column("rule", "Attributed by"),
                Column("sales", "Sales", Unit.COUNT),
                Column("revenue", "Influenced revenue", Unit.MONEY),
            ),
        ),
    ),
)

TAB: Final = Tab(
    uid=names.BUSINESS,
    title="Business Impact",
    about="What does the AI's work with integrations save, earn and change?",
    rows=(_MONEY, _DIFFERENCE, _WHERE, _PERIODS),
    variables=("provider", "channel", "country", "segment"),
    audience="executive",
    is_marked=False,
)
