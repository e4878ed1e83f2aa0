"""What people type, as values."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cli.arguments import moment_or_span
from models.errors import SettingsError
from tests.examples.events import NOW
from tests.examples.insights import STARTED


@pytest.mark.parametrize(("text", "ago"), [("90m", 90), ("24h", 24 * 60), ("7d", 7 * 24 * 60)])
def test_a_span_is_counted_back_from_now(text: str, ago: int) -> None:
    assert moment_or_span("--since", text, NOW) == NOW - timedelta(minutes=ago)


def test_a_moment_is_taken_with_its_offset() -> None:
    assert moment_or_span("--since", "2026-01-15T12:00+01:00", NOW) == STARTED


@pytest.mark.parametrize("text", ["yesterday", "7x", "d", "", "last-week"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--since is .* for example 90m, 24h, 7d or 1M"):
        moment_or_span("--since", text, NOW)
