"""Results and plans of experiments as tables."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from rich.text import Text

from cli.console import out, styled, table
from kpis.display import local, shown
from kpis.experiments.analysis import Compared, ExperimentResult
from kpis.experiments.design import ExperimentPlan
from kpis.experiments.metrics import METRICS
from kpis.experiments.verdict import amount, bounds
from kpis.scope import AllTenants, Scope
from models.counting import counted

_COLOURS: Final = {"better": "bold green", "worse": "bold red", "do not trust": "bold red", "no effect": "bold"}
_RIGHT: Final = ("n", "control", "arm's mean", "difference", "p", "planned", "share", "conversations")


def print_result(found: ExperimentResult, scope: Scope, *, every_part: bool, by_day: bool) -> None:
    """Print a result; stages and segments of the primary metric, or of every one."""
    whose = "all tenants" if isinstance(scope.tenant, AllTenants) else f"tenant {scope.tenant}"
    out.print(styled("[bold]{}[/], {}, up to {}", found.experiment, whose, local(scope.limit, scope.time_zone)))
    out.print(Text.assemble("verdict: ", (found.verdict, _colour(found.verdict))), soft_wrap=True)
    out.print(_arms(found))
    title = f"Difference to '{found.control}': 95 % at every look together"
    out.print(_effects(title, found.effects, found.currency))
    parts = [one for one in found.parts if every_part or one.metric.id == found.primary]
    for dimension in ("stage", "segment"):
        rows = [one for one in parts if one.dimension == dimension]
        if rows:
            out.print(
                _effects(f"By {dimension}: p adjusted for the number of comparisons (Holm)", rows, found.currency)
            )
    if by_day:
        out.print(_days(found))


def _arms(found: ExperimentResult) -> object:
    check = found.assignment
    total = sum(check.counts.values())
    rows = [
        (
            arm,
            f"{count:,}",
            f"{count / total:.1%}" if total else "-",
            f"{check.shares[arm]:.1%}" if arm in check.shares else "-",
        )
        for arm, count in check.counts.items()
    ]
    p = "not checked: no plan" if check.p is None else f"p = {check.p:.3g}, by day and tenant {check.p_by_day or 0:.3g}"
    words = check.problem or p
    return table(
        f"Assignment: {words}; {check.contaminated:,} in two arms",
        ("arm", "conversations", "share", "planned"),
        rows,
        right=_RIGHT,
    )


def _effects(title: str, effects: Sequence[Compared], currency: str) -> object:
    of_parts = any(one.dimension for one in effects)
    columns = (
        "metric",
        *(["part"] if of_parts else []),
        "arm",
        "n",
        "control",
        "arm's mean",
        "difference",
        "95 %",
        "p",
    )
    rows = [
        (
            one.metric.title,
            *([one.part or "not said"] if of_parts else []),
            one.arm,
            f"{one.effect.treated:,.0f}",
            shown(one.metric.unit, one.control_mean if one.effect.control else None, currency),
            shown(one.metric.unit, one.mean if one.effect.treated else None, currency),
            "-" if one.effect.adjusted is None else amount(one.metric.unit, one.effect.adjusted, currency),
            _interval(one, currency),
            f"{one.p_adjusted:.2g}",
            Text(one.verdict, _colour(one.verdict)),
        )
        for one in effects
    ]
    return table(title, (*columns, "verdict"), rows, right=_RIGHT)


def _interval(one: Compared, currency: str) -> str:
    if one.effect.low is None or one.effect.high is None:
        return "-"
    return bounds(one.metric.unit, one.effect.low, one.effect.high, currency)


def _days(found: ExperimentResult) -> object:
    unit = METRICS[found.primary].unit
    rows = [
        (
            f"{one.day}",
            one.arm,
            *(
                "-" if value is None else amount(unit, value, found.currency)
                for value in (one.effect.adjusted, one.effect.low, one.effect.high)
            ),
        )
        for one in found.days
    ]
    return table(
        f"{METRICS[found.primary].title} as it was known at the end of each day",
        ("day", "arm", "difference", "at least", "at most"),
        rows,
    )


def print_plan(
    plan: ExperimentPlan, mean: float, per_day: float, power: float, fixed: int, *, saved: bool, currency: str = ""
) -> None:
    """Print a plan, beside what a test that is looked at once would need; ``currency`` is that of amounts."""
    metric = METRICS[plan.metric]
    days = ceil(plan.sample / per_day)
    rows = [
        ("metric", f"{metric.title}: {metric.meaning}"),
        ("today", shown(metric.unit, mean, currency)),
        ("smallest effect found", amount(metric.unit, plan.effect, currency)),
        ("power", f"{power:.0%}"),
        ("arms", ", ".join(f"{arm} {share:.0%}" for arm, share in plan.shares.items()) + f"; control: {plan.control}"),
        ("conversations", f"{plan.sample:,}: {counted(days, 'day')} at {per_day:,.0f} a day"),
        ("looked at once", f"{fixed:,} would do, and must not be looked at before"),
    ]
    out.print(table(f"Plan{f' of {plan.experiment}' if plan.experiment else ''}", ("", ""), rows))
    out.print(
        "stored: the assignment is checked against it" if saved else "not stored; --save stores it", highlight=False
    )


def _colour(verdict: str) -> str:
    return next((style for words, style in _COLOURS.items() if words in verdict.split(" (", maxsplit=1)[0]), "yellow")
