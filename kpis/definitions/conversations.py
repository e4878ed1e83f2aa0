"""Conversations: one denominator, the conversations whose demand came in during the range.

A conversation is counted at its entry, the earliest time in any of its events, so that the denominator of a range does
not change when a conversation ends or returns later. Facts are stored (``conversation_facts``); figures are
derived from them here, at query time.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from kpis.kpi import Area, DefinitionChange, Kpi, Unit
from kpis.sources.conversation_counts import CONVERSATIONS
from kpis.sql.formulas import mean_of_sums, share, summed, total

_ALL: Final = summed("conversations")
_TO_THE_HOUR: Final = DefinitionChange(
    2, date(2026, 11, 26), "the N days were over to the millisecond, not to the hour"
)

KPIS: Final = (
    Kpi(
        id="conversation_count",
        title="Conversations",
        meaning="Number of conversations that began in the range. The denominator of the shares below.",
        unit=Unit.COUNT,
        direction="neutral",
        area=Area.CONVERSATIONS,
        computed=total(_ALL, _ALL).over(CONVERSATIONS),
    ),
    Kpi(
        id="durable_resolution_rate",
        title="Durable resolution rate",
        meaning=(
            "Share of conversations that the AI resolved by itself and that did not return within N days (7 "
            "unless said otherwise): not reopened, not escalated, not taken over by a person. Includes those "
            "still within their N days; see the confirmed and the assumed part."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=share(summed("durable_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.5,
        critical=0.3,
    ),
    Kpi(
        id="durable_resolution_confirmed_rate",
        title="Durably resolved, confirmed",
        meaning=(
            "Share of conversations that were durably resolved and whose N days are over, counted from the end "
            "of the hour in which they ended: this part is final."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=share(summed("confirmed_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        changes=(_TO_THE_HOUR,),
    ),
    Kpi(
        id="durable_resolution_assumed_rate",
        title="Durably resolved, assumed",
        meaning="Share of conversations that the AI resolved and whose N days are not over: they may still return.",
        unit=Unit.RATIO,
        direction="neutral",
        area=Area.CONVERSATIONS,
        computed=share(summed("durable_count") - summed("confirmed_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        changes=(_TO_THE_HOUR,),
    ),
    Kpi(
        id="durable_resolutions",
        title="Durable resolutions",
        meaning="Number of conversations that the AI resolved durably by itself, confirmed or still assumed.",
        unit=Unit.COUNT,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=total(summed("durable_count"), _ALL).over(CONVERSATIONS),
    ),
    Kpi(
        id="reopen_rate",
        title="Reopen rate",
        meaning="Share of ended conversations that returned within N days of their end.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=share(summed("returned_count"), summed("ended_count")).over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.1,
        critical=0.2,
    ),
    Kpi(
        id="handoff_rate",
        title="Escalation rate",
        meaning=(
            "Share of conversations in which a person took part: escalated, handled by a person, or with a "
            "handoff reason."
        ),
        unit=Unit.RATIO,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=share(summed("handed_over_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.35,
        critical=0.5,
    ),
    Kpi(
        id="deflection_rate",
        title="Deflection rate",
        meaning=(
            "Share of conversations whose first end was a resolution by the AI alone, whether they returned or not."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=share(summed("autonomous_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
    ),
    Kpi(
        id="containment_rate",
        title="Containment rate",
        meaning="Share of conversations that ended without a person, whatever the outcome; includes abandoned ones.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=share(summed("contained_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
    ),
    Kpi(
        id="resolution_rate",
        title="Resolved",
        meaning="Share of conversations whose first end was a resolution or a sale, by the AI or a person.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=share(summed("resolved_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
    ),
    Kpi(
        id="abandonment_rate",
        title="Abandoned",
        meaning="Share of conversations that the customer abandoned.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=share(summed("abandoned_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
    ),
    Kpi(
        id="open_rate",
        title="Not ended yet",
        meaning="Share of conversations without a known end. A high value means that outcomes are not being sent.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=share(summed("conversations") - summed("ended_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
        warning=0.2,
        critical=0.5,
    ),
    Kpi(
        id="csat",
        title="CSAT",
        meaning="Mean satisfaction score given by customers, 1 to 5; the last one where a conversation has several.",
        unit=Unit.STARS,
        direction="up",
        area=Area.CONVERSATIONS,
        computed=mean_of_sums("satisfaction").over(CONVERSATIONS),
        minimum_volume=30,
        warning=3.8,
        critical=3.2,
    ),
    Kpi(
        id="resolution_time_minutes",
        title="Resolution time",
        meaning="Mean minutes until the first end, of conversations whose first end was a resolution.",
        unit=Unit.MINUTES,
        direction="down",
        area=Area.CONVERSATIONS,
        computed=mean_of_sums("minutes").over(CONVERSATIONS),
        minimum_volume=30,
        warning=60,
        critical=240,
        changes=(
            DefinitionChange(2, date(2026, 11, 22), "it averaged over every outcome, abandoned conversations included"),
        ),
    ),
    Kpi(
        id="conversion_rate",
        title="Conversion rate",
        meaning="Share of conversations that led to a sale (converted or upsold).",
        unit=Unit.RATIO,
        direction="up",
        area=Area.BUSINESS,
        computed=share(summed("converted_count"), _ALL).over(CONVERSATIONS),
        minimum_volume=30,
    ),
    Kpi(
        id="value_generated",
        title="Value of conversations",
        meaning="Reported value of conversations, in the tenant's currency; not attributed to integrations.",
        unit=Unit.MONEY,
        direction="up",
        area=Area.BUSINESS,
        computed=total(summed("value_sum"), _ALL).over(CONVERSATIONS),
    ),
)
