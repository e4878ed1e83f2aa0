"""The panel of causal, adjusted and plain lift, apart."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelType
from dashboards.tabs import names
from dashboards.tabs.parts import EMPTY, analysed
from kpis.analyses.catalogue import CONVERSATION_FILTERS
from kpis.experiments.lifts import lifts
from kpis.kpi import Unit

# A difference in words: shares in points, satisfaction in stars; empty where there is too little data.
_WORDS: Final = (
    "ifNull(if(r.metric = 'csat', concat(toString(round(r.{0}, 2)), ' stars'), "
    "concat(toString(round(100 * r.{0}, 1)), ' points')), '')"
)
_ROWS: Final = f"""
SELECT
    transform(r.metric, ['durable_resolution', 'conversion', 'csat'], ['Durable resolution', 'Conversion', 'CSAT'], '')
        AS metric,
    r.basis AS basis,
    concat(r.experiment, if(r.experiment = '', '', ': '), r.arm, ' against ', r.control) AS compared,
    {_WORDS.format("difference")} AS difference,
    if(r.difference IS NULL, '', concat({_WORDS.format("low")}, ' to ', {_WORDS.format("high")})) AS bounds,
    r.treated_n + ifNull(r.control_n, 0) AS conversations, r.note AS note
FROM {{rows}} AS r WHERE conversations > 0 LIMIT 100"""

LIFT: Final = Panel(
    id=12,
    title="Lift: causal, adjusted, plain",
    description="What does data cause, and what only goes along with it? "
    "Causal: an experiment's arm against its control; its intervals hold at every look. Adjusted: with data against "
    "without, alike in stage and channel. Plain: as they are. Only causal lift is proof.",
    picture=PanelType.TABLE,
    asks={"A": analysed(lifts, _ROWS, CONVERSATION_FILTERS - {"provider"})},
    no_data=EMPTY,
    width=24,
    height=12,
    columns=(
        Column("metric", "Metric", width=140),
        Column("basis", "Lift", width=85, states={"causal": "ok", "adjusted": "neutral", "plain": "neutral"}),
        Column("compared", "Compared", wrap=True, width=285),
        Column("difference", "Difference", blank="too little data", width=110),
        Column("bounds", "95 %", blank="-", width=200),
        Column("conversations", "n", Unit.COUNT, width=80),
        Column("note", "Note", blank="-", wrap=True),
    ),
    link=PanelLink("By period", names.BUSINESS, panel=30),
)
