"""Integration data in conversations: use, AI confidence with and without it, gaps."""

from __future__ import annotations

from datetime import date
from typing import Final

from kpis.kpi import Area, DefinitionChange, Kpi, Unit
from kpis.sources.conversation_counts import CONVERSATIONS
from kpis.sql.formulas import mean_of_sums, share, summed, total

_ALL: Final = summed("conversations")

KPIS: Final = (
    Kpi(
        id="data_utilization_rate",
        title="Data utilization rate",
        meaning="Share of conversations in which integration data was used.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=share(summed("conversations", where="data_used"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.5,
        critical=0.2,
        changes=(
            DefinitionChange(
                2, date(2026, 11, 22), "it counted outcomes, so a conversation that was reopened counted twice"
            ),
        ),
    ),
    Kpi(
        id="confidence_with_data",
        title="AI confidence with data",
        meaning="Mean confidence of the AI with integration data; conversations that do not report it are excluded.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.AI_PERFORMANCE,
        computed=mean_of_sums("with_data").over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.7,
        critical=0.5,
    ),
    Kpi(
        id="confidence_without_data",
        title="AI confidence without data",
        meaning="Mean confidence that the AI had, or would have had, without integration data.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.AI_PERFORMANCE,
        computed=mean_of_sums("without_data").over(CONVERSATIONS),
        minimum_volume=30,
    ),
    Kpi(
        id="confidence_lift",
        title="Confidence lift",
        meaning=(
            "Mean difference of the AI's confidence with and without data in the same conversation; only "
            "conversations that report both."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.AI_PERFORMANCE,
        computed=mean_of_sums("gained").over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.05,
        critical=0.0,
    ),
    Kpi(
        id="knowledge_gap_rate",
        title="Knowledge gap rate",
        meaning="Share of conversations in which data was missing.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=share(summed("gap_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.15,
        critical=0.3,
    ),
    Kpi(
        id="knowledge_gap_conversations",
        title="Conversations that a gap affected",
        meaning="Number of conversations with missing data; split by gap to prioritise.",
        unit=Unit.COUNT,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=total(summed("gap_count"), _ALL).over(CONVERSATIONS),
    ),
    Kpi(
        id="expected_conversion_rate",
        title="Conversion the AI expected",
        meaning="Mean conversion probability predicted by the AI; compare it with the conversion rate.",
        unit=Unit.RATIO,
        direction="neutral",
        area=Area.PREDICTIVE,
        computed=mean_of_sums("expected").over(CONVERSATIONS),
        minimum_volume=30,
    ),
)
