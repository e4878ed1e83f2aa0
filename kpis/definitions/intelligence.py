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
        meaning="How sure the AI was with integration data at hand, on average; conversations that do not say are out.",
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
        meaning="How sure the AI would have been, or was, without integration data, on average.",
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
            "How much surer the AI was with data than without, in the same conversation, on average; only "
            "conversations that say both."
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
        meaning="How many conversations met missing data; split by gap to rank what to fix.",
        unit=Unit.COUNT,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=total(summed("gap_count"), _ALL).over(CONVERSATIONS),
    ),
    Kpi(
        id="expected_conversion_rate",
        title="Conversion the AI expected",
        meaning="How likely the AI thought a sale, on average; compare it with the conversion there was.",
        unit=Unit.RATIO,
        direction="neutral",
        area=Area.PREDICTIVE,
        computed=mean_of_sums("expected").over(CONVERSATIONS),
        minimum_volume=30,
    ),
)
