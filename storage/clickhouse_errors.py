"""Classification of ClickHouse's error codes for writers: transient, permanent for these rows, or permanent.

Codes are those of ``src/Common/ErrorCodes.cpp``; one that is not listed is tried again, because nothing is lost by it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

_MAX_REASON: Final = 300


def reason_of(error: BaseException) -> str:
    """Return what ClickHouse or its client says of a failure, in one line, and what to do where it is known."""
    said = " ".join(str(error).split())
    if (code := getattr(error, "code", None)) is None:
        return said[:_MAX_REASON]
    # Behind the client's words and the server's own prefixes.
    said = said.rpartition("DB::Exception: ")[2].partition(" (for url ")[0][:_MAX_REASON]
    return f"{said}; {advice}" if (advice := _ADVICE.get(code)) else said


_OTHER_SCHEMA: Final = "the tables are those of another version of this program: run 'romashka migrate'"
_ADVICE: Final = {
    **dict.fromkeys((16, 46, 47, 60, 81), _OTHER_SCHEMA),  # of columns, functions, tables and the database
    497: "the user lacks a right: run 'romashka access clickhouse', or set ROMASHKA_CLICKHOUSE_USER",
}


class Remedy(Enum):
    """What helps against an error."""

    RETRY = "the identical call again, later"
    REFUSE_ROWS = "leaving out the rows that are at fault"
    CONFIGURE = "a person: the schema, a right or a setting is wrong"


# Something in a row is at fault: it would be refused again for ever.
_ROWS: Final = {
    6: "CANNOT_PARSE_TEXT",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    128: "TOO_LARGE_ARRAY_SIZE",
    131: "TOO_LARGE_STRING_SIZE",
    190: "SIZES_OF_ARRAYS_DONT_MATCH",
    248: "INVALID_PARTITION_VALUE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    407: "DECIMAL_OVERFLOW",
    469: "VIOLATED_CONSTRAINT",
    691: "UNKNOWN_ELEMENT_OF_ENUM",
}
# Trying again cannot cure it, and every row would fare the same.
_CONFIGURATION: Final = {
    10: "NOT_FOUND_COLUMN_IN_BLOCK",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    20: "NUMBER_OF_COLUMNS_DOESNT_MATCH",
    36: "BAD_ARGUMENTS",
    43: "ILLEGAL_TYPE_OF_ARGUMENT",
    44: "ILLEGAL_COLUMN",
    46: "UNKNOWN_FUNCTION",
    47: "UNKNOWN_IDENTIFIER",
    48: "NOT_IMPLEMENTED",
    50: "UNKNOWN_TYPE",
    53: "TYPE_MISMATCH",
    60: "UNKNOWN_TABLE",
    62: "SYNTAX_ERROR",
    81: "UNKNOWN_DATABASE",
    115: "UNKNOWN_SETTING",
    164: "READONLY",
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    194: "REQUIRED_PASSWORD",
    452: "SETTING_CONSTRAINT_VIOLATION",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}


def remedy_of(code: int | None) -> Remedy:
    """Return what helps against an error of a code, ``None`` where the server named none."""
    if code in _ROWS:
        return Remedy.REFUSE_ROWS
    return Remedy.CONFIGURE if code in _CONFIGURATION else Remedy.RETRY


def name_of(code: int) -> str:
    """Return ClickHouse's name of a code in lower case, ``code_N`` where it is none of those that are known here."""
    return (_ROWS | _CONFIGURATION).get(code, f"code_{code}").lower()
