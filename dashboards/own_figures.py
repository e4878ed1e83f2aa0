"""User-defined figures (``kpis.custom``) in Grafana: a tab with a row for each, and their alert rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

from dashboards.alerts.alert_queries import by_integration, by_tenant
from dashboards.alerts.rule import Level, Rule, Shown
from dashboards.panel import PanelRow, PanelType, Tab
from dashboards.tabs.parts import split_figure, tile, together, trend
from kpis.custom.definition import AlertWindow
from kpis.custom.figure_file import CustomFigure
from kpis.kpi import Kpi, Unit
from kpis.scope import Interval

UID: Final = "romashka-own-figures"
_RUNBOOK: Final = "Own figure out of bounds"
_WINDOWS: Final = {AlertWindow.HOUR: timedelta(hours=1), AlertWindow.DAY: timedelta(hours=24)}
_SHOWN: Final[dict[Unit, Shown]] = {
    Unit.RATIO: "percent",
    Unit.MILLISECONDS: "milliseconds",
    Unit.MINUTES: "minutes",
}
VARIABLES: Final = ("provider", "channel", "country", "segment")
"""Filters of tabs of the installation's own."""
_PANELS_EACH: Final = 10
# A uid has at most 40 characters: romashka-own-NAME-critical.
_MAX_NAME: Final = 18


def tab(figures: Sequence[CustomFigure]) -> Tab:
    """Return the tab of user-defined figures; each has a number, its days, and its largest parts."""
    return Tab(
        uid=UID,
        title="Own Figures",
        about="The figures that this installation defines for itself, in kpis.d or in installed packages.",
        rows=tuple(_row(number, one.kpi) for number, one in enumerate(figures, start=1)),
        variables=VARIABLES,
        audience="analyst",
    )


def rules(figures: Sequence[CustomFigure]) -> tuple[Rule, ...]:
    """Return the alert rules of the figures that ask for one, by integration where the figure knows integrations."""
    return tuple(_rule(number, one) for number, one in enumerate(figures, start=1) if one.alert is not None)


def _row(number: int, kpi: Kpi) -> PanelRow:
    first = number * _PANELS_EACH
    (number_tile,) = together(tile(first, "What is it now?", kpi.id, width=6))
    by_day = trend(first + 1, f"{kpi.title} by day", kpi.meaning, kpi.id, every=Interval.DAY, width=10, height=8)
    # The largest parts by the first dimension after the tenant, where there is one.
    parts = tuple(
        split_figure(first + 2, kpi.id, (name,), picture=PanelType.BARS, width=8, limit=20)
        for name in [name for name in kpi.dimensions if name != "tenant"][:1]
    )
    return PanelRow(kpi.title, (number_tile, by_day, *parts))


def _rule_id(id_: str) -> str:
    """Return the id of a figure's rule: short enough for Grafana, which refuses a file with a longer uid as a whole."""
    name = id_.replace("_", "-")
    if len(name) > _MAX_NAME:
        name = f"{name[: _MAX_NAME - 9]}-{sha256(id_.encode()).hexdigest()[:8]}"
    return f"own-{name}"


def _rule(number: int, one: CustomFigure) -> Rule:
    kpi = one.kpi
    by_provider = "provider" in kpi.dimensions and not kpi.dimensions["provider"].many
    ask = by_integration if by_provider else by_tenant
    window = _WINDOWS[one.alert or AlertWindow.DAY]
    lines: dict[Level, float] = {}
    if kpi.warning is not None:
        lines["warning"] = kpi.warning
    if kpi.critical is not None:
        lines["critical"] = kpi.critical
    who = "{integration_provider} of {tenant}" if by_provider else "{tenant}"
    below = kpi.direction == "up"
    return Rule(
        id=_rule_id(kpi.id),
        title=kpi.title,
        team="business",
        ask=ask(kpi.id, volume=kpi.minimum_volume),
        over=window,
        lines=lines,
        wait=window / 12,
        keep=window / 6,
        every=timedelta(minutes=1) if one.alert is AlertWindow.HOUR else timedelta(minutes=10),
        shown=_SHOWN.get(kpi.unit, "times"),
        below=below,
        tab=UID,
        panel=number * _PANELS_EACH + 1,
        seen=f"{who}: {kpi.title} is {{value}}",
        expected=f"{'more' if below else 'less'} than {{line}}",
        action=f"{kpi.meaning} It is defined in {one.origin}.",
        runbook=_RUNBOOK,
    )
