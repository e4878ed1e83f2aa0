"""Every insight of a detector is built in one place."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from detectors.insight_factory import InsightPeriod, Values, new_insight
from models.insights import Insight, insight_id

TENANT = UUID(int=7)
STARTED = datetime(2026, 3, 2, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def _made(episode: InsightPeriod, **changed: Any) -> Insight:
    fields: dict[str, Any] = {
        "kind": "churn_risk",
        "severity": "info",
        "title": "t",
        "summary": "s",
        "confidence": 0.5,
        "model_version": "v",
        **changed,
    }
    return new_insight(episode, **fields)


def test_an_episode_keeps_its_id_while_it_develops_and_when_it_ends() -> None:
    opened = _made(InsightPeriod("churn_risk", TENANT, "c", STARTED))
    ended_at = STARTED + timedelta(days=2)
    closed = _made(InsightPeriod("churn_risk", TENANT, "c", STARTED, ended_at=ended_at), severity="critical")
    assert opened.id == closed.id == insight_id("churn_risk", TENANT, "c", STARTED)
    assert (opened.status, opened.ended_at, opened.updated_at) == ("open", None, STARTED)
    assert (closed.status, closed.ended_at, closed.updated_at) == ("closed", ended_at, ended_at)


def test_an_open_episode_is_as_new_as_what_is_known_of_it() -> None:
    at = STARTED + timedelta(hours=1)
    assert _made(InsightPeriod("churn_risk", TENANT, "c", STARTED, updated_at=at)).updated_at == at


def test_values_keep_zero_apart_from_nothing() -> None:
    made = _made(InsightPeriod("churn_risk", TENANT, "c", STARTED), values=Values(0.0, None, 0.0, 1.0, "days", 0.0))
    assert (made.observed, made.expected, made.lower, made.upper, made.unit, made.predicted_value) == (
        *(0.0, None, 0.0, 1.0, "days", 0.0),
    )


def test_no_other_module_of_the_detectors_or_jobs_builds_an_insight() -> None:
    builders = [
        path.relative_to(ROOT).as_posix()
        for folder in ("detectors", "jobs", "streams")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Insight", "insight_id"}
    ]
    assert set(builders) == {"detectors/insight_factory.py"}
