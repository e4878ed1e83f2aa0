from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from romashka_tracker.wire import moment_text, number, to_json, uuid_text

_ID = UUID("7d444840-9dc0-11d1-b245-5ffdce74fad2")


@pytest.mark.parametrize("value", [_ID, str(_ID), str(_ID).upper()])
def test_every_usual_spelling_of_a_uuid_becomes_one(value: UUID | str) -> None:
    assert uuid_text(value) == "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@pytest.mark.parametrize(
    "value", ["", "acme", _ID.hex, f"{{{_ID}}}", f"urn:uuid:{_ID}", f"{_ID}\n", _ID.int, _ID.bytes]
)
def test_nothing_else_is_a_uuid(value: object) -> None:
    assert uuid_text(value) is None


def test_a_moment_is_written_in_utc_whatever_its_offset() -> None:
    in_kyiv = datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    assert moment_text(in_kyiv) == "2026-03-01T12:30:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 3, 1, 14, 30),  # noqa: DTZ001 - the missing time zone is the point
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        "2026-03-01T14:30:00+02:00",
        1_772_368_200,
    ],
)
def test_a_moment_without_a_zone_or_before_2000_or_past_the_calendar_is_none(value: object) -> None:
    assert moment_text(value) is None


def test_the_first_moment_of_2000_is_allowed() -> None:
    assert moment_text(datetime(2000, 1, 1, tzinfo=UTC)) == "2000-01-01T00:00:00+00:00"


@pytest.mark.parametrize(("value", "plain"), [(Decimal("99999999.99"), 99999999.99), (0.25, 0.25), (3, 3)])
def test_numbers_stay_and_a_decimal_becomes_the_nearest_float(value: object, plain: float) -> None:
    assert number(value) == plain


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN")])
def test_a_decimal_that_is_no_number_stays_none(value: Decimal) -> None:
    converted = number(value)
    assert converted is not None
    assert math.isnan(converted)


@pytest.mark.parametrize("value", ["0.5", [0.5]])
def test_nothing_else_is_a_number(value: object) -> None:
    assert number(value) is None


def test_json_is_compact_and_utf_8() -> None:
    assert to_json({"name": "Привіт", "labels": ("a", "b")}) == '{"name":"Привіт","labels":["a","b"]}'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800"])
def test_what_json_and_utf_8_cannot_say_is_none(value: object) -> None:
    assert to_json(value) is None


class _Shown(UUID):
    def __str__(self) -> str:
        return "tenant 7"


class _Nanoseconds(datetime):
    def isoformat(self, *_: Any, **__: Any) -> str:
        return "2026-03-01T12:30:00.123456789+00:00"


class _Zone(tzinfo):
    def __init__(self, given: Any) -> None:
        self._given = given

    def utcoffset(self, _: datetime | None) -> Any:
        if isinstance(self._given, Exception):
            raise self._given
        return self._given

    def dst(self, _: datetime | None) -> None:
        """Return nothing, as a zone without daylight saving."""

    def tzname(self, _: datetime | None) -> None:
        """Return nothing, as a zone without a name."""


def test_classes_of_the_callers_own_are_written_as_those_they_are_made_from() -> None:
    assert uuid_text(_Shown(_ID.hex)) == str(_ID)
    assert moment_text(_Nanoseconds(2026, 3, 1, 12, 30, tzinfo=UTC)) == "2026-03-01T12:30:00+00:00"


@pytest.mark.parametrize("given", [timedelta(days=2), "Kyiv", 3, NotImplementedError(), KeyError("Kyiv"), None])
def test_a_zone_that_gives_no_offset_is_none_and_raises_nothing(given: Any) -> None:
    assert moment_text(datetime(2026, 3, 1, 12, 30, tzinfo=_Zone(given))) is None
