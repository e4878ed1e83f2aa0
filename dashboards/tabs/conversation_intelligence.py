"""Conversation Intelligence: what conversations needed, what was missing, and where customers go."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Tab
from dashboards.panel_queries import column, split
from dashboards.tabs import names
from dashboards.tabs.parts import EMPTY, analysed, tile, together, trend
from kpis.analyses import gaps, journey
from kpis.analyses.catalogue import CONVERSATION_FILTERS
from kpis.currency import do_not_add_up, of_tenants
from kpis.kpi import Unit
from kpis.scope import Interval
from kpis.sources import conversations
from kpis.sql.dialect import Dialect
from kpis.sql.query_context import QueryContext

_GAPS: Final = """
SELECT replaceAll(g.label, '_', ' ') AS label, sum(g.conversations) AS conversations FROM {rows} AS g
GROUP BY label HAVING conversations > 0 ORDER BY conversations DESC LIMIT 10"""


def _gap_table(dialect: Dialect) -> str:
    several = do_not_add_up("uniqExact(g.user_id)", "c.currency")
    return f"""
SELECT g.gap_type AS gap_type, g.integration AS integration, g.subject AS subject,
    sum(g.conversations) AS conversations, sum(g.conversations_before) AS before, sum(g.not_durable) AS unresolved,
    sum(g.lost_resolutions) AS lost_resolutions, if({several}, NULL, sum(g.lost_value)) AS lost_value
FROM ({gaps.gaps(QueryContext(dialect))}) AS g LEFT JOIN {of_tenants(dialect)} AS c ON g.user_id = c.user_id
GROUP BY gap_type, integration, subject
HAVING conversations > 0 ORDER BY conversations DESC LIMIT 100"""


# From left to right as customers usually go, up and down in turn so that lines do not lie on each other; stages of a
# tenant's own making stand below. 0, 0 is the middle of the panel. Grafana's own layouts take seconds, and differ each
# time.
_STAGES: Final = """
SELECT id, title, mainstat, secondarystat,
    multiIf(ends > 0, 980, place > 0, 190 * (place - 1), 190 * (row_number() OVER (PARTITION BY ends, place) - 1)) - 490
        AS fixedx,
    multiIf(ends > 0, 150 * (ends - 1) - 10, place = 0, 300, place % 2 = 0, 130, 0) - 75 AS fixedy
FROM
(
SELECT *, indexOf(['awareness', 'consideration', 'purchase', 'retention', 'advocacy'], id) AS place,
    indexOf(['{done}', '{stopped}'], id) AS ends
FROM
(
SELECT stage AS id, stage AS title, toString(toUInt64(sum(conversations))) AS mainstat,
    concat(toString(round(100 * sum(dropped_off) / greatest(1, sum(followed_up)), 1)), ' % lost') AS secondarystat
FROM {rows} GROUP BY stage
UNION ALL SELECT '{done}', '{done}', '', 'good end'
UNION ALL SELECT '{stopped}', '{stopped}', '', 'no return'
)
)
ORDER BY ends, place = 0, place"""
_STEPS: Final = """
SELECT id, source, target, toString(toUInt64(moved)) AS mainstat, secondarystat,
    1 + round(9 * moved / max(moved) OVER (), 1) AS thickness
FROM
(
SELECT concat(source, ' → ', target) AS id, source, target, sum(conversations) AS moved,
    concat(toString(round(100 * sum(data_used) / sum(conversations))), ' % with data') AS secondarystat
FROM {rows} WHERE source != target GROUP BY source, target HAVING moved >= 1
)
-- Lines of a few customers would hide the others.
QUALIFY moved >= 0.02 * max(moved) OVER ()
ORDER BY moved DESC LIMIT 20"""
_BADLY: Final = """
SELECT at, arrayStringConcat(why, ', ') AS why, toString(conversation_id) AS conversation_id, channel, stage, outcome,
    handled_by, toFloat64(satisfaction) AS satisfaction, toFloat64(value) AS value,
    arrayStringConcat(providers, ', ') AS providers, arrayStringConcat(gaps, ', ') AS gaps
FROM
(
    SELECT *, arrayFilter(one -> one != '', [
        if(satisfaction <= 2, concat(toString(round(toFloat64(satisfaction), 1)), ' stars'), ''),
        if(outcome = 'abandoned', 'the customer left', if(outcome = 'cancelled', 'cancelled', '')),
        if(NOT resolved AND outcome NOT IN ('abandoned', 'cancelled') AND NOT handed_over, 'not resolved', ''),
        if(returned, 'came back', ''),
        if(handed_over AND NOT resolved, concat('handed over', if(handoff_reason = '', '', ': '),
            replaceAll(toString(handoff_reason), '_', ' ')), '')
    ]) AS why
    FROM {rows}
    -- Whom a person helped in the end and who is content was served well.
    WHERE ended AND NOT (resolved AND NOT returned AND ifNull(satisfaction, 3) > 2)
)
WHERE notEmpty(why)
ORDER BY satisfaction <= 2 AND NOT resolved DESC, length(why) DESC, at DESC
LIMIT 200"""


def _reasons() -> PanelQuery:
    asked = split("conversation_count", "csat", by=("channel", "handoff_reason"))

    def render(dialect: Dialect) -> str:
        return (
            "SELECT replaceAll(toString(handoff_reason), '_', ' ') AS reason, channel, conversation_count, csat "
            f"FROM ({asked.render(dialect)}) WHERE handoff_reason != '' ORDER BY conversation_count DESC"
        )

    return PanelQuery(asked.filters, render)


_ENDS: Final = {"done": journey.SATISFIED, "stopped": journey.STOPPED, "rows": "{rows}"}

_BUSINESS: Final = PanelLink("Business Impact", names.BUSINESS)
_AI: Final = PanelLink("AI Performance", names.AI_PERFORMANCE)
_MISSED: Final = PanelLink("What was missing", names.CONVERSATIONS, panel=21)
_BADLY_ENDED: Final = PanelLink("Those that went badly", names.CONVERSATIONS, panel=50)

_NUMBERS: Final = PanelRow(
    "At a glance",
    together(
        tile(1, "How many conversations came in?", "conversation_count", link=_BUSINESS),
        tile(2, "How many used integration data?", "data_utilization_rate", link=_AI),
        tile(3, "How many met a knowledge gap?", "knowledge_gap_rate", link=_MISSED),
        tile(4, "How satisfied are customers?", "csat", link=_BADLY_ENDED),
        tile(5, "How many went to a person?", "handoff_rate", link=_BADLY_ENDED),
        tile(6, "How many came back?", "reopen_rate", link=_BADLY_ENDED),
    ),
)

_USE: Final = PanelRow(
    "Use of data",
    (
        trend(
            10,
            "Data utilization and knowledge gaps",
            "Is integration data used more or less? "
            "Share of conversations that used integration data, and that met a knowledge gap, by day.",
            "data_utilization_rate",
            "knowledge_gap_rate",
            every=Interval.DAY,
        ),
        trend(
            11,
            "Conversations by channel",
            "How many conversations come in, and from where? Conversations by channel and day.",
            "conversation_count",
            every=Interval.DAY,
            by=("channel",),
            bars=True,
        ),
    ),
)

_MISSING: Final = PanelRow(
    "What was missing",
    (
        Panel(
            id=20,
            title="Top knowledge gaps",
            description="Which knowledge gaps touch most conversations? "
            "Gaps that conversations named, by how many met them.",
            picture=PanelType.BAR_GAUGE,
            asks={"A": analysed(gaps.gaps, _GAPS)},
            no_data="No conversation named a knowledge gap",
            width=7,
            height=13,
            unit=Unit.COUNT,
            columns=(Column("label", "Gap"), Column("conversations", "Conversations", Unit.COUNT)),
            by=("label",),
        ),
        Panel(
            id=21,
            title="Knowledge gap impact",
            description="What would filling each gap be worth? "
            "Against conversations of the same tenant and stage without any gap: an aid for ranking, not a "
            "promise. Before: the same length of time before this range.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(CONVERSATION_FILTERS, _gap_table)},
            no_data="No conversation named a knowledge gap",
            width=17,
            height=13,
            columns=(
                Column("gap_type", "Kind", width=95),
                Column(
                    "integration",
                    "Integration",
                    link=PanelLink("Its health", names.HEALTH, {"provider": "integration"}),
                ),
                Column("subject", "Subject", width=140),
                Column("conversations", "Conversations", Unit.COUNT),
                Column("before", "Before", Unit.COUNT),
                Column("unresolved", "Not resolved", Unit.COUNT, hidden=True),
                Column("lost_resolutions", "Resolutions lost", Unit.COUNT),
                Column("lost_value", "Value lost", Unit.MONEY, width=130),
            ),
        ),
    ),
)

_JOURNEY: Final = PanelRow(
    "The customer's journey",
    (
        Panel(
            id=30,
            title="Customer journey",
            description="How do customers move from stage to stage? "
            "A customer's conversation and the next within 14 days make a step. Thicker lines are more "
            "steps; customers who do not return end at done (a good end) or dropped off (lost).",
            picture=PanelType.NODE_GRAPH,
            asks={
                "A": analysed(journey.nodes, _STAGES.format(**_ENDS)),
                "B": analysed(journey.edges, _STEPS),
            },
            no_data="No customer is known in this range",
            width=24,
            height=12,
        ),
        Panel(
            id=31,
            title="Journey stages",
            description="How does each stage fare? Volume, use of data, conversion and satisfaction by stage.",
            picture=PanelType.TABLE,
            asks={"A": split("conversation_count", "data_utilization_rate", "conversion_rate", "csat", by=("stage",))},
            no_data=EMPTY,
            width=24,
            height=7,
            columns=(
                Column("stage", "Stage", blank="not said", width=115),
                column("conversation_count"),
                column("data_utilization_rate"),
                column("conversion_rate"),
                column("csat"),
            ),
        ),
    ),
)

_PEOPLE: Final = PanelRow(
    "Who and where",
    (
        Panel(
            id=40,
            title="Conversations by country",
            description="In which countries are customers? Conversations by the country that events name.",
            picture=PanelType.GEOMAP,
            asks={"A": split("conversation_count", by=("country",))},
            no_data="No event named a country",
            width=12,
            height=10,
            unit=Unit.COUNT,
            columns=(Column("country", "Country"), column("conversation_count")),
        ),
        Panel(
            id=41,
            title="Escalation reasons",
            description="Why do conversations go to a person? "
            "Conversations that were handed over, by the reason that was given.",
            picture=PanelType.TABLE,
            asks={"A": _reasons()},
            no_data="No conversation was handed to a person",
            width=12,
            height=10,
            columns=(
                Column("reason", "Reason", width=180),
                Column(
                    "channel", "Channel", link=PanelLink("This channel", names.CONVERSATIONS, {"channel": "channel"})
                ),
                column("conversation_count"),
                column("csat"),
            ),
        ),
    ),
)

_LIST: Final = PanelRow(
    "The conversations themselves",
    (
        Panel(
            id=50,
            title="Conversations that went badly",
            description="Which conversations went badly? "
            "Those that ended without a resolution, came back, or were rated 2 stars or less, with the reasons; those "
            "with most reasons first. Whom a person helped, and who was content, is not here.",
            picture=PanelType.TABLE,
            asks={"A": analysed(conversations.facts, _BADLY)},
            no_data="No conversation went badly in this range",
            width=24,
            height=11,
            columns=(
                Column("at", "When", moment="minute"),
                Column("why", "Why it is here", wrap=True),
                Column("conversation_id", "Conversation", width=300),
                Column(
                    "channel", "Channel", link=PanelLink("This channel", names.CONVERSATIONS, {"channel": "channel"})
                ),
                Column("stage", "Stage", blank="not said", width=116),
                Column("outcome", "Outcome", hidden=True),
                Column("handled_by", "Handled by", hidden=True),
                Column("satisfaction", "Stars", Unit.STARS),
                Column("value", "Value", Unit.MONEY, hidden=True),
                Column("providers", "Integrations", hidden=True),
                Column("gaps", "Gaps", wrap=True),
            ),
        ),
    ),
)

TAB: Final = Tab(
    uid=names.CONVERSATIONS,
    title="Conversation Intelligence",
    about="What did conversations need, what was missing, and where do customers go?",
    rows=(_NUMBERS, _USE, _MISSING, _JOURNEY, _PEOPLE, _LIST),
    variables=tuple(sorted(CONVERSATION_FILTERS)),
    audience="analyst",
)
