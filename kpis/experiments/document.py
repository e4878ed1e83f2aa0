"""A result as plain values, the same for the command line and the API."""

from __future__ import annotations

from typing import Any

from kpis.experiments.analysis import Compared, ExperimentResult
from kpis.experiments.assignment import AssignmentCheck
from kpis.experiments.design import ExperimentPlan
from kpis.experiments.moments import EffectEstimate


def document(found: ExperimentResult) -> dict[str, Any]:
    """Return a result as JSON's types."""
    return {
        "experiment": found.experiment,
        "control": found.control,
        "primary": found.primary,
        "verdict": found.verdict,
        "currency": found.currency or None,
        "plan": None if found.planned is None else plan_document(found.planned),
        "assignment": _assignment(found.assignment),
        "effects": [_compared(one) for one in found.effects],
        "parts": [_compared(one) for one in found.parts],
        "days": [{"day": one.day.isoformat(), "arm": one.arm, **_effect(one.effect)} for one in found.days],
    }


def plan_document(plan: ExperimentPlan) -> dict[str, Any]:
    """Return a plan as JSON's types."""
    return {
        **plan._asdict(),
        "entered_at": None if plan.entered_at is None else plan.entered_at.isoformat(),
    }


def _assignment(found: AssignmentCheck) -> dict[str, Any]:
    return {**found._asdict(), "is_off": found.is_off}


def _compared(one: Compared) -> dict[str, Any]:
    return {
        "metric": one.metric.id,
        "unit": str(one.metric.unit),
        "arm": one.arm,
        "dimension": one.dimension,
        "part": one.part,
        "mean": one.mean,
        "control_mean": one.control_mean,
        **_effect(one.effect),
        "p_adjusted": one.p_adjusted,
        "verdict": one.verdict,
    }


def _effect(found: EffectEstimate) -> dict[str, Any]:
    return {
        "difference": found.value,
        "adjusted": found.adjusted,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "variance_removed": found.reduction,
        "n": found.treated,
        "control_n": found.control,
    }
