"""Insights as people read them."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from cli.insights import _csv, _since, details, insights_table, span_of, tenant_of
from models.errors import SettingsError
from models.insights import ACROSS_TENANTS
from tests.examples.events import NOW
from tests.examples.insights import STARTED, insight


def _printed(what: object) -> str:
    text = io.StringIO()
    Console(width=200, file=text).print(what)
    return text.getvalue()


@pytest.mark.parametrize(("text", "ago"), [("90m", 90), ("24h", 24 * 60), ("7d", 7 * 24 * 60)])
def test_a_span_is_counted_back_from_now(text: str, ago: int) -> None:
    assert _since(text, NOW) == NOW - timedelta(minutes=ago)


def test_a_moment_is_taken_with_its_offset() -> None:
    assert _since("2026-01-15T12:00+01:00", NOW) == STARTED


@pytest.mark.parametrize("text", ["yesterday", "7w", "d", ""])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--since is .* for example 90m, 24h or 7d"):
        _since(text, NOW)


def test_a_line_says_when_where_and_what() -> None:
    line = _printed(insights_table("1 insights", [insight(ended_at=STARTED + timedelta(hours=1), status="closed")]))
    for part in ("01-15 11:00 - 12:00", "critical, over", "provider_outage", "hubspot", "0a6f7d52", "HubSpot is down"):
        assert part in line


def test_the_details_say_why_and_what_to_do() -> None:
    text = _printed(details(insight()))
    for part in ("90 % of queries fail", "failures began at once", "look at the status page", "observed 90 %", "99%"):
        assert part in text


def test_what_is_open_goes_on_until_now_and_what_concerns_all_says_so() -> None:
    assert span_of(insight()) == "01-15 11:00 - now"
    assert span_of(insight(ended_at=STARTED + timedelta(days=1))) == "01-15 11:00 - 01-16 11:00"
    assert tenant_of(insight(user_id=ACROSS_TENANTS)) == "all"


def test_a_spreadsheet_has_a_column_for_every_field() -> None:
    heading, row = _csv([insight(contributing_factors=("one", "two"))]).splitlines()
    assert heading.startswith("id,user_id,insight_type,kind")
    assert "one | two" in row
