from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kpis.analyses.incident_cost import cost, fault
from kpis.scope import Scope
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from models.errors import SettingsError


def row(
    *, affected: bool, conversations: int, durable: int, earned: float, contact: str | None = "6.50"
) -> dict[str, Any]:
    each = earned / conversations
    return {
        "user_id": "t",
        "stage": "purchase",
        "channel": "email",
        "affected": affected,
        "conversations": conversations,
        "failed_answers": 120 if affected else 0,
        "durable": durable,
        "handed_over": 9,
        "earned": earned,
        "earned_squares": conversations * each * each + conversations * 4.0,
        "contact_cost": None if contact is None else Decimal(contact),
    }


def test_a_fault_costs_what_was_expected_and_did_not_come() -> None:
    (found,) = cost([
        row(affected=True, conversations=100, durable=40, earned=500.0),
        row(affected=False, conversations=1000, durable=700, earned=8000.0),
    ])  # fmt: skip
    assert found["lost_resolutions"] == pytest.approx(30.0)
    assert found["lost_lower"] < 30 < found["lost_upper"]
    assert found["value_at_risk"] == pytest.approx(300.0)
    assert found["contact_cost"] == pytest.approx(195.0)
    assert (found["failed_answers"], found["conversations"], found["compared_with"]) == (120, 100, 1000)
    assert found["note"] == ""


def test_without_the_cost_of_a_contact_the_rest_is_shown_and_the_setting_named() -> None:
    (found,) = cost([
        row(affected=True, conversations=100, durable=40, earned=500.0, contact=None),
        row(affected=False, conversations=1000, durable=700, earned=8000.0, contact=None),
    ])  # fmt: skip
    assert found["contact_cost"] is None
    assert found["lost_resolutions"] == pytest.approx(30.0)
    assert "cost_per_human_contact" in found["note"]


def test_a_fault_that_hit_few_says_so() -> None:
    (found,) = cost([
        row(affected=True, conversations=5, durable=1, earned=10.0),
        row(affected=False, conversations=1000, durable=700, earned=8000.0),
    ])  # fmt: skip
    assert found["lost_resolutions"] is None
    assert "too little data" in found["note"]
    assert found["conversations"] == 5


def test_a_fault_that_hit_nobody_costs_nothing() -> None:
    assert cost([row(affected=False, conversations=1000, durable=700, earned=8000.0)]) == []


def test_the_integration_has_to_be_named() -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(SettingsError, match="provider: missing"):
        fault(QueryContext(Bound(Scope(day, day.replace(day=2), UUID(int=1)))))
