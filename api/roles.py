"""The table of roles and their rights. A role's read access follows from the tabs it may open."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from dashboards.panel import Tab
from dashboards.tabs import ALL
from kpis.kpi import Area
from models.insights import InsightType
from reports.request import ReportType

_NAMES: Final = ("executive", "health", "ai", "business", "conversations", "predictive", "realtime")
TABS: Final[Mapping[str, Tab]] = {name: next(tab for tab in ALL if tab.uid == f"romashka-{name}") for name in _NAMES}
"""The business tabs by their API names; tabs about the pipeline itself are in Grafana only."""


class Role(StrEnum):
    """The roles; an identity may have several."""

    VIEWER = "viewer"
    OPERATIONS = "operations"
    EXECUTIVE = "executive"
    ANALYST = "analyst"
    ADMIN = "admin"
    PRODUCER = "producer"


class Action(StrEnum):
    """The actions; the audit log uses these names."""

    READ_DASHBOARDS = "dashboards.read"
    READ_KPIS = "kpis.read"
    READ_INSIGHTS = "insights.read"
    RESPOND_TO_INSIGHTS = "insights.respond"
    WATCH = "live.watch"
    READ_REPORTS = "reports.read"
    MAKE_REPORTS = "reports.make"
    READ_SCHEDULES = "schedules.read"
    CHANGE_SCHEDULES = "schedules.change"
    EXPORT = "exports.make"
    SEND_EVENTS = "events.send"


class Rights(NamedTuple):
    """Rights of a role."""

    tabs: frozenset[str]
    actions: frozenset[Action]


_READ: Final = frozenset({Action.READ_DASHBOARDS, Action.READ_KPIS, Action.READ_INSIGHTS, Action.WATCH})
_REPORT: Final = frozenset({Action.READ_REPORTS, Action.MAKE_REPORTS, Action.READ_SCHEDULES})

RIGHTS: Final[Mapping[Role, Rights]] = {
    Role.VIEWER: Rights(frozenset({"health", "realtime"}), _READ),
    Role.OPERATIONS: Rights(frozenset({"health", "realtime", "ai"}), _READ | _REPORT | {Action.RESPOND_TO_INSIGHTS}),
    Role.EXECUTIVE: Rights(
        frozenset({"executive", "business", "conversations", "predictive", "health", "realtime"}),
        _READ | _REPORT | {Action.CHANGE_SCHEDULES, Action.RESPOND_TO_INSIGHTS},
    ),
    Role.ANALYST: Rights(
        frozenset(TABS), _READ | _REPORT | {Action.CHANGE_SCHEDULES, Action.EXPORT, Action.RESPOND_TO_INSIGHTS}
    ),
    Role.ADMIN: Rights(frozenset(TABS), frozenset(Action) - {Action.SEND_EVENTS}),
    # Programs that send events to the collector; without read access.
    Role.PRODUCER: Rights(frozenset(), frozenset({Action.SEND_EVENTS})),
}

# Access to figures, insights and reports follows from access to one of the tabs that show them.
AREA_TABS: Final[Mapping[Area, frozenset[str]]] = {
    Area.MONITORING: frozenset({"health", "realtime"}),
    Area.AI_PERFORMANCE: frozenset({"ai"}),
    Area.BUSINESS: frozenset({"executive", "business"}),
    Area.CONVERSATIONS: frozenset({"executive", "conversations"}),
    Area.PREDICTIVE: frozenset({"predictive"}),
}
INSIGHT_TABS: Final[Mapping[InsightType, frozenset[str]]] = {
    "performance_anomaly": frozenset({"health", "realtime"}),
    "kpi_change": frozenset({"executive", "predictive"}),
    "churn_risk": frozenset({"predictive"}),
    "upsell_opportunity": frozenset({"predictive"}),
    "integration_need": frozenset({"predictive"}),
}
REPORT_TABS: Final[Mapping[ReportType, frozenset[str]]] = {
    ReportType.EXECUTIVE: frozenset({"executive"}),
    ReportType.OPERATIONAL: frozenset({"health"}),
    ReportType.INTEGRATION: frozenset({"health"}),
    ReportType.CONVERSATION: frozenset({"conversations"}),
    ReportType.PREDICTIVE: frozenset({"predictive"}),
}
