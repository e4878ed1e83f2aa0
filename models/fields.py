"""The field types of events, each with its range."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

MAX_INT32: Final = 2**31 - 1
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
# A later time is a mistake; one that its offset moves past the year 9999 could not be stored.
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

# Text that becomes a label in dashboards: short, without control characters (C0 and C1), which would break legends and
# CSV files and control a terminal.
LABEL_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]{1,128}$"

# A visible character: no white space, no zero-width character, no control character.
VISIBLE: Final = r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
PROVIDER_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,62}$"
COUNTRY_PATTERN: Final = r"^[A-Z]{2}$"
JOB_ID_PATTERN: Final = rf"^[^\x00-\x1f\x7f-\x9f]*{VISIBLE}[^\x00-\x1f\x7f-\x9f]*$"

# Programs without an id send the nil or the max UUID (RFC 9562). Accepted as ids, they would merge many tenants,
# conversations or events into one; in our tables nil stands for all tenants.
_PLACEHOLDERS: Final = frozenset({UUID(int=0), UUID(int=2**128 - 1)})
# The same for JSON Schema: a digit is neither 0 nor f, or both occur.
_ID_PATTERN: Final = r"[1-9a-eA-E]|0.*[fF]|[fF].*0"


def is_placeholder(id_: UUID) -> bool:
    """Whether a UUID stands for no id: all zeros or all f."""
    return id_ in _PLACEHOLDERS


def _id(given: UUID) -> UUID:
    if given in _PLACEHOLDERS:
        raise PydanticCustomError("placeholder", "an id is neither all zeros nor all f")
    return given


_Id = Annotated[UUID, AfterValidator(_id)]
_NOT_A_PLACEHOLDER: Final = {"pattern": _ID_PATTERN}

EventId = Annotated[
    _Id,
    Field(
        description="Made once by the producer; a repeat of it is the same event; neither all zeros nor all f",
        json_schema_extra=_NOT_A_PLACEHOLDER,
    ),
]
TenantId = Annotated[
    _Id,
    Field(
        description="The business whose integrations are used (the tenant); neither all zeros nor all f",
        json_schema_extra=_NOT_A_PLACEHOLDER,
    ),
]
ConversationId = Annotated[
    _Id,
    Field(
        description="The conversation this belongs to; neither all zeros nor all f",
        json_schema_extra=_NOT_A_PLACEHOLDER,
    ),
]


def _iso(given: object) -> object:
    # Left to itself, pydantic takes a number in quotes for seconds or milliseconds since 1970, whichever is likelier.
    if not isinstance(given, str | datetime):
        raise PydanticCustomError("datetime_type", "a time is text")
    if isinstance(given, str) and given[4:5] != "-":
        raise PydanticCustomError("datetime_parsing", "a time begins with a year of four digits and a dash")
    return given


# Not strict: what comes from the function is text, as it is in JSON.
_Time = Annotated[AwareDatetime, Strict(False), Field(ge=EARLIEST, le=LATEST), BeforeValidator(_iso)]
EventTime = Annotated[_Time, Field(description="When it happened: ISO-8601 with an offset, 2000 or later")]
Moment = Annotated[_Time, Field(description="ISO-8601 with an offset, between 2000 and 2200")]
Label = Annotated[str, Field(pattern=LABEL_PATTERN, description="1 to 128 characters, no control characters")]
Provider = Annotated[
    str,
    Field(
        pattern=PROVIDER_PATTERN,
        description="An integration in lower case, at most 63 of a-z, 0-9, _ and -, for example hubspot; new ones need "
        "no registration",
    ),
]
CustomerId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=VISIBLE,
        description="The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival",
    ),
]
JobId = Annotated[
    str,
    Field(
        max_length=128,
        pattern=JOB_ID_PATTERN,
        description="1 to 128 characters, not only blanks, no control characters",
    ),
]
Country = Annotated[str, Field(pattern=COUNTRY_PATTERN, description="ISO 3166-1 alpha-2, for example DE")]
Ratio = Annotated[float, Field(ge=0, le=1, description="0 to 1, kept to four decimals")]
Impact = Annotated[float, Field(ge=-1, le=1, description="-1 to 1, kept to four decimals")]
Stars = Annotated[float, Field(ge=1, le=5, description="1 to 5, kept to four decimals")]
Hours = Annotated[float, Field(ge=0, le=1_000_000, description="Hours, 0 or more, kept to four decimals")]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_INT32, description="Whole milliseconds, 0 or more")]
Minutes = Annotated[int, Field(ge=0, le=MAX_INT32, description="Whole minutes, 0 or more")]
Count = Annotated[int, Field(ge=0, le=MAX_INT32, description="A whole number, 0 or more")]
MAX_MONEY: Final = Decimal("99999999999.9999")
"""Digits that a number of JSON keeps; an amount of a currency without minor units may be large."""
Money = Annotated[
    Decimal,
    Field(ge=0, le=MAX_MONEY, description="The tenant's currency, 0 or more, kept to four decimals"),
]
ErrorKind = Annotated[
    str,
    Field(
        pattern=LABEL_PATTERN,
        description="What went wrong: auth, permission, rate_limit, timeout, not_found, schema, provider_down, "
        "unknown, or another word for one of them (token_revoked, 429); any other word of 1 to 128 characters stays",
    ),
]
HandledBy = Literal["ai", "human", "mixed"]
ExperimentName = Annotated[
    str,
    Field(
        pattern=LABEL_PATTERN,
        description="The experiment that the conversation takes part in, together with arm; 1 to 128 characters, no "
        "control characters",
    ),
]
ArmName = Annotated[
    str,
    Field(
        pattern=LABEL_PATTERN,
        description="The arm that the conversation was assigned to, together with experiment; 1 to 128 characters, no "
        "control characters",
    ),
]
