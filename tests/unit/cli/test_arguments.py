"""What people type, as values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cli.arguments import day, given_tenant, moment, moment_or_span, one_tenant, tenant_id, tenant_or_all, time_range
from cli.command_table import COMMANDS, loaded
from kpis.scope import ALL_TENANTS
from models.errors import SettingsError
from tests.examples.events import NOW
from tests.examples.insights import STARTED


@pytest.mark.parametrize(("text", "ago"), [("90m", 90), ("24h", 24 * 60), ("7d", 7 * 24 * 60)])
def test_a_span_is_counted_back_from_now(text: str, ago: int) -> None:
    assert moment_or_span("--since", text, NOW, "UTC") == NOW - timedelta(minutes=ago)


@pytest.mark.parametrize("text", ["0" * 32, "00000000-0000-0000-0000-000000000000", "F" * 32])
def test_a_tenant_of_zeros_or_f_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--tenant is .* stands for no id"):
        tenant_id("--tenant", text)


def test_a_moment_is_taken_with_its_offset() -> None:
    assert moment_or_span("--since", "2026-01-15T12:00+01:00", NOW, "Asia/Tokyo") == STARTED


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "7x",
        "d",
        "",
        "last-decade",
        "2026-13-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661",
        "-1d",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--since is .* for example 90m, 24h, 7d or 1M"):
        moment_or_span("--since", text, NOW, "UTC")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25T01:30"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30"),
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00"),
        ("2026-11-01", "Asia/Kathmandu", "2026-10-31T18:15"),
        ("2026-11-01", "UTC", "2026-11-01T00:00"),
        ("2026-W44", "Asia/Tokyo", "2026-10-25T15:00"),
    ],
)
def test_a_time_without_an_offset_is_on_the_clocks_of_the_zone(text: str, zone: str, expected: str) -> None:
    assert moment("--from", text, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("2026-10-01", "2026-11-01", ""), ("2026-09-30T22:00", "2026-10-31T23:00")),
        (("", "2026-11-01", "1M"), ("2026-09-30T22:00", "2026-10-31T23:00")),
        (("", "2026-11-01", ""), ("2026-10-01T22:00", "2026-10-31T23:00")),
        (("", "", "last-month"), ("2025-11-30T23:00", "2025-12-31T23:00")),
        (("", "", "24h"), ("2026-01-14T12:00", "2026-01-15T12:00")),
        (("2026-01-10", "", ""), ("2026-01-09T23:00", "2026-01-15T12:00")),
    ],
)
def test_a_range_is_on_the_calendar_of_the_zone(given: tuple[str, str, str], expected: tuple[str, str]) -> None:
    found = time_range(*given, "Europe/Berlin", NOW)
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in found] == list(expected)


def test_a_beginning_and_a_length_are_not_both_given() -> None:
    with pytest.raises(SettingsError, match="--from or --range"):
        time_range("2026-01-01", "", "7d", "UTC", NOW)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("0001-01-01", "Asia/Tokyo"),
        ("9999-12-31T23:59", "America/Anchorage"),
        ("1999-12-31", "UTC"),
        ("2100-01-01T00:00Z", "UTC"),
    ],
)
def test_a_moment_of_no_event_is_refused_in_words(text: str, zone: str) -> None:
    with pytest.raises(SettingsError, match=r"--from: .* the years 2000 to 2099"):
        moment("--from", text, zone)
    with pytest.raises(SettingsError, match="the years 2000 to 2099"):
        day("--from", text[:10])


def test_all_tenants_are_named_by_the_same_word_in_every_command() -> None:
    """``kpi get --tenant all`` was refused, and ``export`` required it."""
    id_ = UUID(int=5)
    assert tenant_or_all("") is tenant_or_all("all") is given_tenant("all") is ALL_TENANTS
    assert one_tenant("") is one_tenant("all") is None
    assert tenant_or_all(str(id_)) == given_tenant(str(id_)) == one_tenant(str(id_)) == id_
    with pytest.raises(SettingsError, match="--tenant is ''; expected a UUID"):
        given_tenant("")


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", {})
    for word, child in inner.items():
        yield from _commands(f"{name} {word}", child)
    if not inner:
        yield name, command


def test_every_option_of_a_tenant_says_whether_it_takes_all() -> None:
    """Those that take one tenant alone are listed here with their commands."""
    one_alone = {
        "api key add",  # the key of an administrator has all
        "backtest",  # a series of one tenant
        "collector key add",  # --all-tenants: a key that may send for everybody is not made by a word
        "privacy erase",
        "thresholds list",
        "thresholds propose",
        "thresholds revert",
        "thresholds set",
        "thresholds show",
    }
    told = {
        path: str(option.help)
        for name in COMMANDS
        for path, command in _commands(name, loaded(name))
        for option in command.params
        if "--tenant" in option.opts
    }
    assert {path for path, help_ in told.items() if "'all'" not in help_} <= one_alone, told
    words = ("Tenant (its user_id), or 'all'", "Tenant (its user_id)", "Tenant it may send for", "Instead of FILE")
    assert all(help_.startswith(words) for help_ in told.values())
