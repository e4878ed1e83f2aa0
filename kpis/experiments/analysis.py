"""From sums per day, arm, stage and segment to the result of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar

from kpis.experiments.assignment import AssignmentCheck, DayOfShares, check
from kpis.experiments.design import DEFAULT_SAMPLE, ExperimentPlan, control_of
from kpis.experiments.metrics import METRICS, PRIMARY, ExperimentMetric
from kpis.experiments.moments import ArmMoments, EffectEstimate, added, effect, theta
from kpis.experiments.sequences import holm
from kpis.experiments.verdict import DO_NOT_TRUST, verdict

# Each conversation has it, so its counts are those of the conversations.
_COUNTED: Final = "conversion"
# A stage or a segment is planned for a part of the sample; chosen before the data, as the sample itself.
_PART_OF_SAMPLE: Final = 4
_DIMENSIONS: Final = ("stage", "segment")
_Key = TypeVar("_Key")


class DailySums(NamedTuple):
    """A row of the statement: the sums of one metric on one day, in one arm, stage and segment."""

    day: date
    arm: str
    stage: str
    segment: str
    metric: str
    mixed: int
    moments: ArmMoments


class Compared(NamedTuple):
    """One arm against the control, over all conversations or those of one stage or segment.

    ``dimension`` is "", "stage" or "segment"; ``p`` is the always-valid p-value, ``p_adjusted`` Holm's.
    """

    metric: ExperimentMetric
    arm: str
    dimension: str
    part: str
    effect: EffectEstimate
    mean: float
    control_mean: float
    p_adjusted: float
    verdict: str


class DayOfExperiment(NamedTuple):
    """The primary metric of an arm as it was known at the end of a day, of the conversations up to it."""

    day: date
    arm: str
    effect: EffectEstimate


class ExperimentResult(NamedTuple):
    """Everything that is known of an experiment at this look."""

    experiment: str
    control: str
    primary: str
    planned: ExperimentPlan | None
    assignment: AssignmentCheck
    effects: list[Compared]
    parts: list[Compared]
    days: list[DayOfExperiment]
    verdict: str
    currency: str = ""
    """That of amounts (ISO 4217); empty where it is not known."""


def sums(rows: Iterable[Mapping[str, Any]]) -> list[DailySums]:
    """Return the rows of the statement ``sums``."""
    return [
        DailySums(
            row["day"],
            str(row["arm"]),
            str(row["stage"]),
            str(row["segment"]),
            str(row["metric"]),
            int(row["mixed"]),
            ArmMoments(*(float(row[name]) for name in ("n", "y", "yy", "x", "xx", "xy"))),
        )
        for row in rows
    ]


def days_of_shares(rows: Iterable[Mapping[str, Any]]) -> list[DayOfShares]:
    """Return the rows of the statement ``shares_by_day``."""
    return [
        DayOfShares(
            row["day"],
            float(row["every"]),
            float(row["few"]),
            str(row["tenant"]),
            {str(arm): round(count) for arm, count in row["counts"].items()},
        )
        for row in rows
    ]


def result(
    experiment: str,
    rows: Sequence[DailySums],
    plan: ExperimentPlan | None,
    metrics: Sequence[str] = tuple(METRICS),
    cells: Sequence[DayOfShares] = (),
    *,
    currency: str = "",
) -> ExperimentResult:
    """Return the result of an experiment.

    Parameters
    ----------
    rows
        Its daily sums.
    plan
        The stored plan; ``None``: there is none, so the assignment cannot be checked.
    metrics
        The metrics that are meaningful here; amounts in several currencies are not.
    cells
        The evidence that the shares of some tenant's day are not as planned.
    currency
        That of amounts (ISO 4217), empty where it is not known.
    """
    counted = [row for row in rows if row.metric == _COUNTED]
    # An arm that was planned and is not seen, for whatever reason, is there with nobody in it.
    arms = sorted({row.arm for row in counted}.union({} if plan is None else plan.shares))
    control = control_of(arms, plan)
    primary = plan.metric if plan is not None and plan.metric in metrics else PRIMARY
    assignment = _assignment(counted, plan, cells)
    effects: list[Compared] = []
    parts: list[Compared] = []
    for id_ in metrics:
        of_metric = [row for row in rows if row.metric == id_]
        if not of_metric and id_ != primary:
            continue
        effects += _compared(METRICS[id_], of_metric, arms, control, plan)
        for dimension in _DIMENSIONS:
            parts += _compared(METRICS[id_], of_metric, arms, control, plan, dimension=dimension)
    # The primary metric was chosen before; the others are a family of their own.
    effects = [
        *_judged([one for one in effects if one.metric.id == primary], plan, currency),
        *_judged([one for one in effects if one.metric.id != primary], plan, currency),
    ]
    parts = [
        judged
        for id_ in metrics
        for dimension in _DIMENSIONS
        for judged in _judged(
            [one for one in parts if (one.metric.id, one.dimension) == (id_, dimension)], plan, currency
        )
    ]
    days = _days([row for row in rows if row.metric == primary], METRICS[primary], arms, control, plan)
    said = _said(assignment, effects, primary, plan)
    return ExperimentResult(experiment, control, primary, plan, assignment, effects, parts, days, said, currency)


def _assignment(
    counted: Sequence[DailySums], plan: ExperimentPlan | None, cells: Sequence[DayOfShares]
) -> AssignmentCheck:
    days: dict[date, dict[str, int]] = {}
    for row in sorted(counted, key=lambda one: one.day):
        of_day = days.setdefault(row.day, {})
        of_day[row.arm] = of_day.get(row.arm, 0) + int(row.moments.n)
    return check(list(days.values()), {} if plan is None else plan.shares, sum(row.mixed for row in counted), cells)


def planned_for(plan: ExperimentPlan | None, arm: str, control: str) -> float:
    """Return the planned conversations of an arm and the control together."""
    if plan is None:
        return DEFAULT_SAMPLE
    sample = plan.sample or DEFAULT_SAMPLE
    return sample * (plan.shares.get(arm, 0.0) + plan.shares.get(control, 0.0)) or sample


def _compared(
    metric: ExperimentMetric,
    rows: Sequence[DailySums],
    arms: Sequence[str],
    control: str,
    plan: ExperimentPlan | None,
    *,
    dimension: str = "",
) -> list[Compared]:
    """Return each arm against the control: over everything, or in each part of a dimension."""
    in_arms = _added_by(rows, lambda row: row.arm)
    in_parts = _added_by(rows, lambda row: (getattr(row, dimension) if dimension else "", row.arm))
    coefficient = theta(list(in_arms.values()))
    compared = []
    for part in sorted({part for part, _ in in_parts}) if dimension else [""]:
        moments = {arm: in_parts.get((part, arm), ArmMoments()) for arm in arms}
        for arm in arms:
            if arm == control:
                continue
            planned = planned_for(plan, arm, control) / (_PART_OF_SAMPLE if dimension else 1)
            found = effect(moments[arm], moments[control], coefficient, planned, yes_no=metric.yes_no)
            means = moments[arm].mean, moments[control].mean
            compared.append(Compared(metric, arm, dimension, part, found, *means, found.p, ""))
    return compared


def _added_by(rows: Iterable[DailySums], key_of: Callable[[DailySums], _Key]) -> dict[_Key, ArmMoments]:
    """Return the sums of rows alike; one pass, because there are many segments and days."""
    alike: dict[_Key, list[ArmMoments]] = {}
    for row in rows:
        alike.setdefault(key_of(row), []).append(row.moments)
    return {key: added(moments) for key, moments in alike.items()}


def _judged(family: Sequence[Compared], plan: ExperimentPlan | None, currency: str) -> list[Compared]:
    """Return the members of a family with Holm's p-values and verdicts."""
    adjusted = holm([one.effect.p for one in family])
    return [
        one._replace(p_adjusted=p, verdict=verdict(one.metric, one.effect, p, _margin(one, plan), currency))
        for one, p in zip(family, adjusted, strict=True)
    ]


def _margin(one: Compared, plan: ExperimentPlan | None) -> float:
    if plan is not None and plan.metric == one.metric.id:
        return plan.effect
    return one.metric.margin * (abs(one.control_mean) if one.metric.id == "value" else 1.0)


def _days(
    rows: Sequence[DailySums],
    metric: ExperimentMetric,
    arms: Sequence[str],
    control: str,
    plan: ExperimentPlan | None,
) -> list[DayOfExperiment]:
    so_far = {arm: ArmMoments() for arm in arms}
    of_days = _added_by(rows, lambda row: (row.day, row.arm))
    days = []
    for day in sorted({day for day, _ in of_days}):
        for arm in arms:
            so_far[arm] = added([so_far[arm], of_days.get((day, arm), ArmMoments())])
        coefficient = theta(list(so_far.values()))
        for arm in arms:
            if arm != control:
                planned = planned_for(plan, arm, control)
                found = effect(so_far[arm], so_far[control], coefficient, planned, yes_no=metric.yes_no)
                days.append(DayOfExperiment(day, arm, found))
    return days


def _said(assignment: AssignmentCheck, effects: Sequence[Compared], primary: str, plan: ExperimentPlan | None) -> str:
    if assignment.is_off:
        return f"{DO_NOT_TRUST} ({assignment.problem})"
    said = [f"{one.arm}: {one.verdict}" for one in effects if one.metric.id == primary]
    if not said:
        return f"not yet clear: {'only one arm' if assignment.counts else 'no conversation'} was seen"
    unchecked = "" if plan is not None else " (assignment not checked: no plan says the shares)"
    return "; ".join(said) + unchecked
