"""Times of a question, as people name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from api.parameters import RangeQuery
from api.problems import ApiError

NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(**given: str) -> list[str]:
    found = RangeQuery.model_validate(given).times(NOW, 30 * DAY)
    return [f"{one:%Y-%m-%dT%H:%M}" for one in found]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"from": "2026-10-25", "to": "2026-10-26"}, ["2026-10-24T22:00", "2026-10-25T23:00"]),
        ({"from": "2026-10-25T02:30", "to": "2026-10-25T02:30+01:00"}, ["2026-10-25T00:30", "2026-10-25T01:30"]),
        ({"to": "2026-11-01", "range": "1M"}, ["2026-09-30T22:00", "2026-10-31T23:00"]),
        ({"range": "last-month"}, ["2026-09-30T22:00", "2026-10-31T23:00"]),
        (
            {"from": "2026-10-25T02:30 02:00", "to": "2026-10-25T02:30:00.5 0100"},
            ["2026-10-25T00:30", "2026-10-25T01:30"],
        ),
        ({"from": "2026-10-25 01:30 02:00", "to": "2026-10-25 02:30"}, ["2026-10-24T23:30", "2026-10-25T00:30"]),
        ({"range": "24h"}, ["2026-11-21T10:31", "2026-11-22T10:31"]),
        ({"from": "2026-11-01T10:17Z"}, ["2026-11-01T10:17", "2026-11-22T11:00"]),
        ({}, ["2026-10-23T11:00", "2026-11-22T11:00"]),
    ],
)
def test_ranges_are_on_the_calendar_of_the_zone(given: dict[str, str], expected: list[str]) -> None:
    assert asked(**given, time_zone="Europe/Berlin") == expected


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "1700000000",
        "20261101T",
        "",
        "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661",
        "1999-12-31",
        "9999-12-31",
        "0001-01-01",
        "a" * 99,
    ],
)
def test_a_time_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="expected"):
        RangeQuery.model_validate({"from": text})


def test_a_zone_whose_plus_arrived_as_a_space_is_meant() -> None:
    assert RangeQuery.model_validate({"time_zone": "Etc/GMT 5"}).time_zone == "Etc/GMT+5"


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ApiError, match="no time zone"):
        asked(**{"from": "2026-11-01", "time_zone": "right/Europe/Berlin"})
