from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from kpis.settings_model import Entry, in_force, missing_note, new_entry, parse
from models.errors import SettingsError

TENANT = UUID(int=7)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def entry(name: str, value: str, since: str, minute: int = 0) -> Entry:
    return new_entry(TENANT, name, value, date.fromisoformat(since), NOW.replace(minute=minute))


@pytest.mark.parametrize(("name", "text", "stored"), [
    ("cost_per_human_contact", "6.5", "6.50"),
    ("cost_per_human_contact", "0", "0.00"),
    ("cost_per_human_contact", "1.255", "1.255"),
    ("cost_per_human_contact", "0.03750", "0.0375"),
    ("platform_cost_per_month", "1500000000", "1500000000.00"),
    ("handle_minutes_saved", "7.50", "7.50"),
    ("integration_cost_per_month:hubspot", "120", "120.00"),
    ("attribution_window_days", "30", "30"),
    ("attribution_rule", "linear", "linear"),
    ("currency", "EUR", "EUR"),
    ("currency", "CLF", "CLF"),
])  # fmt: skip
def test_a_value_is_stored_in_one_form(name: str, text: str, stored: str) -> None:
    assert parse(name, text) == stored


@pytest.mark.parametrize(("name", "text", "says"), [
    ("cost_per_human_contact", "6,50", "number with at most four decimals"),
    ("cost_per_human_contact", "-1", "from 0 to"),
    ("cost_per_human_contact", "NaN", "number with at most four decimals"),
    ("cost_per_human_contact", "0.00001", "four decimals"),
    ("handle_minutes_saved", "0.001", "two decimals"),
    ("attribution_window_days", "0", "whole number from 1 to 180"),
    ("attribution_window_days", "7.5", "whole number"),
    ("attribution_rule", "fair", "last_touch, first_touch, linear"),
    ("currency", "euro", "ISO 4217"),
    ("currency", "ERU", "ISO 4217"),  # a slip of EUR, which was taken
    ("currency", "XXX", "ISO 4217"),
    ("currency", "EUR\n", "ISO 4217"),
    ("price", "1", "there is no setting 'price'; expected one of currency"),
    ("upkeep_cost_per_month:hubspot", "1", "one value for all integrations"),
    ("integration_cost_per_month:Hub Spot", "1", "not an integration"),
])  # fmt: skip
def test_a_wrong_value_is_refused_with_what_is_expected(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse(name, text)


def test_a_change_holds_from_its_day_and_leaves_the_days_before_alone() -> None:
    entries = [
        entry("cost_per_human_contact", "7.25", "2026-03-15"),
        entry("cost_per_human_contact", "6.50", "2026-01-01"),
    ]
    assert in_force(entries, date(2026, 3, 14))["cost_per_human_contact"] == "6.50"
    assert in_force(entries, date(2026, 3, 15))["cost_per_human_contact"] == "7.25"
    assert "cost_per_human_contact" not in in_force(entries, date(2025, 12, 31))


def test_what_is_entered_again_for_the_same_day_corrects_it() -> None:
    entries = [entry("currency", "EUR", "2026-01-01", 5), entry("currency", "USD", "2026-01-01", 1)]
    assert in_force(entries, date(2026, 1, 1))["currency"] == "EUR"


def test_rules_have_defaults_and_money_has_none() -> None:
    assert in_force([], date(2026, 1, 1)) == {
        "attribution_window_days": "30",
        "attribution_rule": "last_touch",
    }


def test_what_is_missing_is_named_with_the_command_that_enters_it() -> None:
    assert "romashka tenant settings set TENANT loaded_rate_per_hour" in missing_note(["loaded_rate_per_hour"])
    assert missing_note([]) == ""
