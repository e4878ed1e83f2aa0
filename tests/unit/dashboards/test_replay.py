from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboards.alerts.files import render
from dashboards.alerts.replay import (
    Evaluated,
    Firing,
    Labelled,
    at_moment,
    matched,
    read,
    read_truth,
    replay,
    unexplained,
)
from models.errors import SettingsError

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Evaluated(
    "uid",
    "Title",
    "from $__fromTime to $__toTime",
    True,
    0.5,
    15 * MINUTE,
    30 * timedelta(seconds=1),
    3 * MINUTE,
    5 * MINUTE,
)
TENANT = "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"


def answers(values: Sequence[float | None]) -> Callable[[str], list[dict[str, Any]]]:
    left = iter(values)

    def ask(_: str) -> list[dict[str, Any]]:
        value = next(left)
        return [] if value is None else [{"integration_provider": "hubspot", "user_id": TENANT, "value": value}]

    return ask


def fired(values: Sequence[float | None]) -> list[Firing]:
    return replay(RULE, START, START + (len(values) - 1) * MINUTE, MINUTE, answers(values))


def test_a_rule_fires_once_it_has_held_for_its_wait() -> None:
    (firing,) = fired([0.1, 0.9, 0.9, 0.9, 0.9, 0.8])
    assert firing.began == START + 4 * MINUTE
    assert firing.ended is None
    assert firing.worst == 0.9


def test_what_does_not_hold_for_long_enough_does_not_fire() -> None:
    assert fired([0.9, 0.9, 0.1, 0.9, 0.9, 0.9, None, 0.9]) == []


def test_it_stays_for_its_keep_and_a_short_gap_is_one_alert() -> None:
    (firing,) = fired([0.9] * 4 + [0.1] * 4 + [0.9] + [0.1] * 6)
    assert firing.began == START + 3 * MINUTE
    assert firing.ended == START + 13 * MINUTE


def test_an_answer_without_rows_is_not_a_breach() -> None:
    assert fired([None] * 6) == []


def test_the_line_itself_is_not_beyond_it() -> None:
    assert fired([0.5] * 6) == []


def test_macros_become_the_rule_s_range_before_the_moment() -> None:
    end = int((START - timedelta(seconds=30)).timestamp())
    assert at_moment(RULE, START) == f"from toDateTime({end - 900}, 'UTC') to toDateTime({end}, 'UTC')"


def test_the_generated_file_can_be_read_back() -> None:
    rules = {rule.uid: rule for rule in read(render())}
    assert rules["romashka-error-budget-fast-critical"].line == 14.4
    assert rules["romashka-error-budget-fast-critical"].over == timedelta(hours=1)
    assert all("$__" in rule.sql for rule in rules.values())


def incident(provider: str = "hubspot", tenant: str = TENANT, after: int = 0) -> Labelled:
    begin = START + after * MINUTE
    return Labelled("one", "error_burst", provider, tenant, begin, begin + 30 * MINUTE)


def test_an_alert_belongs_to_the_incident_of_its_provider_and_tenant_at_its_time() -> None:
    firings = fired([0.9] * 6)
    assert matched(firings, incident()) == firings
    assert matched(firings, incident(tenant="")) == firings
    assert matched(firings, incident(provider="shopify")) == []
    assert matched(firings, incident(tenant="1b7a8e63-4d2f-4c8b-8a8f-6c1d2e3f4a02")) == []
    assert unexplained(firings, [incident()]) == []
    assert unexplained(firings, [incident(provider="shopify")]) == firings


def test_an_alert_across_tenants_belongs_to_the_incident_of_any() -> None:
    everyone = Firing("uid", "t", (("integration_provider", "hubspot"), ("user_id", str(0))), START, None, 1.0)
    nil = everyone._replace(labels=(("user_id", "00000000-0000-0000-0000-000000000000"),))
    assert matched([nil], incident()) == [nil]


def test_a_truth_that_is_none_says_what_was_expected() -> None:
    with pytest.raises(SettingsError, match="simulate --truth"):
        read_truth(json.dumps({"events": []}))
