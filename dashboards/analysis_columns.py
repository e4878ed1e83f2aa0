"""How the rows of analyses (``kpis.analyses``) are shown on boards: columns, labels, order, filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from dashboards.panel import Column
from dashboards.tabs.parts import EMPTY, ITS_HEALTH, UNSET
from kpis.kpi import Unit

_COUNT, _RATIO, _MONEY, _SCORE, _STARS = Unit.COUNT, Unit.RATIO, Unit.MONEY, Unit.SCORE, Unit.STARS
_ITS_HEALTH: Final = replace(ITS_HEALTH, variables={"provider": "integration"})


class AnalysisPanel(NamedTuple):
    """How an analysis is shown.

    ``columns`` are those of its rows without the tenant; ``labels`` name a bar beside the tenant; ``order`` is the
    order of its rows as SQL (they are ``v``). ``by_tenant`` is whether a row belongs to one tenant. ``needs`` are
    the dimensions that a board has to fix.
    """

    columns: tuple[Column, ...]
    labels: tuple[str, ...]
    order: str = "v.conversations DESC"
    by_tenant: bool = True
    needs: frozenset[str] = frozenset()
    no_data: str = EMPTY

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that bars and an order can be made of."""
        return tuple(column.name for column in self.columns if column.unit is not None)


def _places(name: str, title: str) -> AnalysisPanel:
    return AnalysisPanel(
        (
            Column(name, title, blank="not said"),
            Column("conversations", "Conversations", _COUNT),
            Column("customers", "Customers", _COUNT),
            Column("data_utilization_rate", "With data", _RATIO),
            Column("durable", "Durably resolved", _COUNT, hidden=True),
            Column("durable_resolution_rate", "Durable resolution", _RATIO),
            Column("durable_lower", "At least", _RATIO, hidden=True),
            Column("durable_upper", "At most", _RATIO, hidden=True),
            Column("handoff_rate", "Handed over", _RATIO),
            Column("conversion_rate", "Conversion", _RATIO),
            Column("csat", "CSAT", _STARS),
            Column("net_value", "Value", _MONEY),
        ),
        (name,),
    )


def _compared(what: str, unit: Unit, more: tuple[Column, ...] = ()) -> AnalysisPanel:
    return AnalysisPanel(
        (
            Column("level", "Of"),
            Column("name", "Name", blank="all", width=125),
            Column("with_count", "With data", _COUNT),
            Column(f"with_{what}", "With", unit),
            Column("with_lower", "With, at least", unit, hidden=True),
            Column("with_upper", "With, at most", unit, hidden=True),
            Column("without_count", "Without data", _COUNT),
            Column(f"without_{what}", "Without", unit),
            Column("without_lower", "Without, at least", unit, hidden=True),
            Column("without_upper", "Without, at most", unit, hidden=True),
            Column("lift", "Lift", unit),
            Column("lower", "Lift at least", unit),
            Column("upper", "Lift at most", unit),
            *more,
            Column("note", "Note", blank="-", wrap=True),
        ),
        ("level", "name"),
        "indexOf(['all', 'stage', 'data_type'], v.level), v.name",
        by_tenant=False,
    )


PANELS: Final[Mapping[str, AnalysisPanel]] = {
    "savings": AnalysisPanel(
        (
            Column("resolutions", "Resolutions"),
            Column("count", "Count", _COUNT),
            Column("of", "Of conversations", _COUNT),
            Column("rate", "Rate", _RATIO),
            Column("rate_lower", "At least", _RATIO, hidden=True),
            Column("rate_upper", "At most", _RATIO, hidden=True),
            Column("saved", "Saved", _MONEY),
            Column("saved_lower", "Saved at least", _MONEY),
            Column("saved_upper", "Saved at most", _MONEY),
            Column("note", "Note", blank="-", wrap=True),
        ),
        ("resolutions",),
        "v.user_id, v.count DESC",
        no_data=UNSET,
    ),
    "attribution": AnalysisPanel(
        (
            Column("provider", "Integration", link=ITS_HEALTH, blank="none"),
            Column("rule", "Attributed by"),
            Column("sales", "Sales", _COUNT),
            Column("revenue", "Influenced revenue", _MONEY),
        ),
        ("provider",),
        "v.revenue DESC",
        no_data="No influenced sale in this range",
    ),
    "incremental": AnalysisPanel(
        (
            Column("with_data", "With data", _COUNT),
            Column("without_data", "Without data", _COUNT),
            Column("per_conversation", "Added per conversation", _MONEY),
            Column("lower", "At least", _MONEY),
            Column("upper", "At most", _MONEY),
            Column("incremental_revenue", "Added revenue", _MONEY),
            Column("incremental_lower", "Added at least", _MONEY),
            Column("incremental_upper", "Added at most", _MONEY),
            Column("note", "Note", blank="-", wrap=True),
        ),
        (),
        "v.incremental_revenue DESC NULLS LAST",
    ),
    "conversion": _compared("rate", _RATIO),
    "satisfaction": _compared(
        "stars",
        _STARS,
        (
            Column("correlation", "Correlation", _SCORE),
            Column("correlation_lower", "Correlation at least", _SCORE, hidden=True),
            Column("correlation_upper", "Correlation at most", _SCORE, hidden=True),
        ),
    ),
    "lift": AnalysisPanel(
        (
            Column("basis", "Lift", states={"causal": "ok", "adjusted": "neutral", "plain": "neutral"}),
            Column("experiment", "Experiment", blank="-", width=115, wrap=True),
            Column("arm", "Arm", width=85, wrap=True),
            Column("control", "Compared with", width=115, wrap=True),
            Column("metric", "Metric", width=150),
            Column("treated_n", "Conversations", _COUNT),
            Column("control_n", "Of the other", _COUNT, hidden=True),
            Column("difference", "Difference", _SCORE),
            Column("low", "At least", _SCORE),
            Column("high", "At most", _SCORE),
            Column("note", "Note", blank="-", wrap=True),
        ),
        ("metric", "basis", "arm"),
        "indexOf(['durable_resolution', 'conversion', 'csat'], v.metric), "
        "indexOf(['causal', 'adjusted', 'plain'], v.basis), v.experiment, v.arm",
        by_tenant=False,
    ),
    "impact": AnalysisPanel(
        (
            Column("metric_type", "Metric"),
            Column("integration_provider", "Integration"),
            Column("baseline_value", "Without data", _SCORE),
            Column("current_value", "With data", _SCORE),
            Column("improvement_percentage", "Better by, %", _SCORE),
            Column("treated", "With", _COUNT),
            Column("control", "Without", _COUNT),
            Column("period_start", "From", moment="day"),
            Column("period_end", "To", moment="day"),
            Column("revision", "Revision", hidden=True),
            Column("restated_at", "Restated", moment="minute", hidden=True),
            Column("created_at", "Stored", moment="minute", hidden=True),
        ),
        ("metric_type", "integration_provider"),
        "v.period_start DESC, v.metric_type, v.integration_provider",
        no_data="No period that begins in this range has enough conversations to compare",
    ),
    "gaps": AnalysisPanel(
        (
            Column("label", "Gap", hidden=True),
            Column("gap_type", "Kind", width=105),
            Column("integration", "Integration", link=_ITS_HEALTH, blank="-"),
            Column("subject", "Subject", width=165),
            Column("conversations", "Conversations", _COUNT),
            Column("customers", "Customers", _COUNT, hidden=True),
            Column("handed_over", "Handed over", _COUNT, hidden=True),
            Column("not_durable", "Not resolved", _COUNT, hidden=True),
            Column("brought_in", "Brought in", _MONEY, hidden=True),
            Column("lost_resolutions", "Resolutions lost", _COUNT),
            Column("lost_value", "Value lost", _MONEY),
            Column("conversations_before", "Before", _COUNT, hidden=True),
            Column("trend", "Trend", states={"new": "warning", "rising": "warning", "gone": "ok", "falling": "ok"}),
            Column("change", "Change", _RATIO, hidden=True),
            Column("what_to_do", "What to do", wrap=True),
        ),
        ("label",),
        no_data="No conversation named a knowledge gap",
    ),
    "journey": AnalysisPanel(
        (
            Column("source", "From", width=125),
            Column("target", "To", width=125),
            Column("conversations", "Conversations", _COUNT),
            Column("customers", "Customers", _COUNT),
            Column("data_used_rate", "With data", _RATIO),
            Column("touchpoints", "Touchpoints", blank="-", wrap=True),
        ),
        ("source", "target"),
        no_data="No customer is known in this range",
    ),
    "drop-off": AnalysisPanel(
        (
            Column("stage", "Stage", width=125),
            Column("conversations", "Conversations", _COUNT),
            Column("customers", "Customers", _COUNT),
            Column("data_used", "With data", _COUNT, hidden=True),
            Column("good_ends", "Good ends", _COUNT),
            Column("conversions", "Conversions", _COUNT, hidden=True),
            Column("followed_up", "Followed up", _COUNT),
            Column("went_on", "Went on", _COUNT),
            Column("dropped_off", "Dropped off", _COUNT),
            Column("drop_off_rate", "Drop-off", _RATIO),
            Column("lower", "At least", _RATIO),
            Column("upper", "At most", _RATIO),
        ),
        ("stage",),
        no_data="No conversation in this range whose 14 days of follow-up are over",
    ),
    "fault-cost": AnalysisPanel(
        (
            Column("failed_answers", "Failed answers", _COUNT),
            Column("conversations", "Conversations", _COUNT),
            Column("handed_over", "Handed over", _COUNT),
            Column("compared_with", "Compared with", _COUNT),
            Column("lost_resolutions", "Resolutions lost", _COUNT),
            Column("lost_lower", "Lost at least", _COUNT),
            Column("lost_upper", "Lost at most", _COUNT),
            Column("value_at_risk", "Value at risk", _MONEY),
            Column("risk_lower", "At risk at least", _MONEY, hidden=True),
            Column("risk_upper", "At risk at most", _MONEY, hidden=True),
            Column("contact_cost", "Cost of contacts", _MONEY),
            Column("note", "Note", blank="-", wrap=True),
        ),
        (),
        needs=frozenset({"provider"}),
        no_data="No conversation was affected in this range",
    ),
    "geography": _places("country", "Country"),
    "channels": _places("channel", "Channel"),
    "segments": _places("segment", "Segment"),
}
"""Analysis → how it is shown."""
