"""Errors of statements for HTTP clients: ClickHouse's code, text and status."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\. ")

BAD_ARGUMENTS = 36
SYNTAX_ERROR = 62
UNKNOWN_FORMAT = 73
CANNOT_DECOMPRESS = 271
NOT_IMPLEMENTED = 48
UNKNOWN_SETTING = 115
ACCESS_DENIED = 497
STD_EXCEPTION = 1001

# ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp; every other code is 500.
_CODES_OF_STATUS = {
    400: {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676},
    403: {497},
    404: {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
    408: {159},
    413: {229},
    501: {48},
    503: {76, 209, 439},
}
_STATUS_OF_CODE = {code: status for status, codes in _CODES_OF_STATUS.items() for code in codes}


class QueryFailed(Exception):
    """The engine, or the HTTP interface in front of it, refuses a statement.

    Parameters
    ----------
    code
        ClickHouse's error code, for example 60 for an unknown table.
    message
        The text ClickHouse would send, from ``Code: ...`` on.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """HTTP status that ClickHouse answers this code with."""
        return _STATUS_OF_CODE.get(self.code, 500)


def refusal(code: int, name: str, reason: str) -> QueryFailed:
    """Build an error in ClickHouse's wording."""
    return QueryFailed(code, f"Code: {code}. DB::Exception: {reason} ({name})")


def from_engine(error: Exception) -> QueryFailed:
    """Turn what chDB raised into a :class:`QueryFailed`.

    The engine's message may quote bytes of the statement that are no UTF-8; the binding raises ``UnicodeDecodeError``
    in that case, with the message's bytes inside, either itself or as the cause of its own error.
    """
    undecodable = error if isinstance(error, UnicodeDecodeError) else error.__cause__
    text = str(error)
    if isinstance(undecodable, UnicodeDecodeError):
        text = undecodable.object.decode("utf-8", errors="replace")
    found = _CODE.search(text)
    if found is None:
        return refusal(STD_EXCEPTION, "STD_EXCEPTION", text)
    return QueryFailed(int(found.group(1)), text[found.start() :])
