"""What errors say instead of a regular expression: what is expected, with an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.fields import (
    COUNTRY_PATTERN,
    JOB_ID_PATTERN,
    LABEL_PATTERN,
    PROVIDER_PATTERN,
    VISIBLE,
)
from models.pages import PATTERN as CURSOR_PATTERN

TIME_ZONE_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$"
RANGE_PATTERN: Final = r"^([1-9][0-9]{0,3}[hdwMQy]|last[- ](day|week|month|quarter|year))$"
FIXED_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f\\$'{}<>]{1,128}$"
"""A value in a statement that stands in Grafana's JSON."""
FIGURE_ID_PATTERN: Final = "^[a-z0-9_]+$"
ANALYSIS_ID_PATTERN: Final = "^[a-z-]+$"
NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,62}$"
OWN_FIGURE_ID_PATTERN: Final = r"^[a-z][a-z0-9_]{2,62}$"
MEANING_PATTERN: Final = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f{}$<>]{1,500}$"
TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f{}$<>]{1,%d}$"
"""A text of at most so many characters, which stands in Grafana's JSON."""
BOARD_ID_PATTERN: Final = r"^[a-z][a-z0-9-]{1,22}$"
BOARD_RANGE_PATTERN: Final = r"^[1-9]\d{0,2}[hd]$"

_NO_MARKUP: Final = "characters, without control characters and { } $ < >"
_LABEL: Final = "1 to 128 characters, no control characters, for example shopify_data"

_WORDS: Final[Mapping[str, str]] = {
    ANALYSIS_ID_PATTERN: "an id of small letters and -, for example revenue-by-integration",
    BOARD_ID_PATTERN: "2 to 23 small letters, digits and -, a letter first, for example support-lead",
    BOARD_RANGE_PATTERN: "a number of hours or days, for example 24h or 30d",
    COUNTRY_PATTERN: "a country as ISO 3166-1 alpha-2 has it, two capital letters, for example DE",
    CURSOR_PATTERN: "next_cursor of the page before, as it was answered",
    FIGURE_ID_PATTERN: "an id of small letters, digits and _, for example query_success_rate",
    FIXED_PATTERN: "1 to 128 characters, without control characters and \\ $ ' { } < >, for example whatsapp",
    JOB_ID_PATTERN: "1 to 128 characters, not only blanks, no control characters, for example sync-42",
    LABEL_PATTERN: _LABEL,
    MEANING_PATTERN: f"1 to 500 {_NO_MARKUP}",
    NAME_PATTERN: "1 to 63 small letters, digits and _, a letter first, for example support_team",
    OWN_FIGURE_ID_PATTERN: "3 to 63 small letters, digits and _, a letter first, for example slow_query_share",
    PROVIDER_PATTERN: "1 to 63 small letters, digits, _ and -, a letter first, for example hubspot",
    RANGE_PATTERN: "a length of time such as 24h, 7d, 4w, 1M, 1Q or 1y, or last-month (day, week, quarter, year)",
    TEXT_PATTERN % 60: f"1 to 60 {_NO_MARKUP}, for example Slow queries",
    TEXT_PATTERN % 300: f"1 to 300 {_NO_MARKUP}",
    TIME_ZONE_PATTERN: "a time zone as IANA names it, for example Europe/Berlin",
    VISIBLE: "text, not only blanks",
}


def words_of(pattern: str) -> str | None:
    """Return what a text of a pattern is, for people; ``None`` where nobody has said it."""
    return _WORDS.get(pattern)


def message_of(error: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors, in words where a text does not match a pattern.

    Parameters
    ----------
    error
        As ``ValidationError.errors()`` has it, with its context.
    """
    if error["type"] == "string_pattern_mismatch":
        return f"expected {words_of(error['ctx']['pattern']) or 'another form of text'}"
    return str(error["msg"]).removeprefix("Value error, ")
