"""Parses what the engine needs of a statement: its first word, its format, where its data begins.

The engine itself would take several statements at once, and would read an INSERT's data only up to a blank line.
ClickHouse's HTTP interface does neither, so both are settled here, with a tokenizer that knows SQL's quotes and
comments and nothing else of its grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from embedded.errors import SYNTAX_ERROR, refusal

_TOKEN = re.compile(
    rb"""
      (?P<comment> --[^\n]*+ | \#[!\ ][^\n]*+ | /\*.*?\*/ )
    | (?P<quoted> '(?:[^'\\]++|\\.|'')*+' | "(?:[^"\\]++|\\.|"")*+" | `(?:[^`\\]++|\\.|``)*+`
                | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<word> [A-Za-z_]\w*+ )
    | (?P<number> [0-9][\w.]*+ )
    | (?P<mark> \S )
    """,
    re.VERBOSE | re.DOTALL,
)
_END_OF_LINE = re.compile(rb"[ \t\f]*(?:\r?\n)?")
_KEYWORDS = 4
_ASSIGNMENT = re.compile(rb"\s+\w+\s*=")


@dataclass(frozen=True)
class ParsedStatement:
    """One SQL statement, with the data that follows it where it is an INSERT.

    Attributes
    ----------
    text
        The statement; for an INSERT with data only its table and columns.
    keywords
        Its first words in capitals, at most four, for example ``("CREATE", "OR", "REPLACE", "TEMPORARY")``.
    output_format
        What a ``FORMAT`` clause asks for; None where there is none.
    settings
        The ``SETTINGS`` clause of an INSERT with data, if it has one.
    data_format, data
        Format and bytes of an INSERT's data; the format is None for every other statement.
    """

    text: bytes
    keywords: tuple[str, ...]
    output_format: str | None = None
    settings: bytes = b""
    data_format: str | None = None
    data: bytes = b""


def read_statement(text: bytes) -> ParsedStatement:
    """Take apart the text of a request.

    Raises
    ------
    QueryFailed
        The text holds no statement, or more than one.
    """
    keywords = _first_words(text)
    if not keywords:
        raise refusal(SYNTAX_ERROR, "SYNTAX_ERROR", "Empty query.")
    if keywords[0] == "INSERT" and (insert := _insert_with_data(text, keywords)) is not None:
        return insert
    return ParsedStatement(text, keywords, output_format=_format_of_single_statement(text))


def _tokens(text: bytes, start: int = 0) -> Iterator[re.Match[bytes]]:
    return (token for token in _TOKEN.finditer(text, start) if token.lastgroup != "comment")


def _first_words(text: bytes) -> tuple[str, ...]:
    words: list[str] = []
    for token in _tokens(text):
        if token.lastgroup == "word":
            words.append(_name(token).upper())
        elif token.group() != b"(" or words:
            break
        if len(words) == _KEYWORDS:
            break
    return tuple(words)


def _insert_with_data(text: bytes, keywords: tuple[str, ...]) -> ParsedStatement | None:
    """Split an INSERT from its data; None for INSERT ... SELECT and the like, which carry none."""
    depth = 0
    settings: int | None = None
    tokens = _tokens(text)
    for token in tokens:
        depth += _depth_change(token)
        word = token.group().upper() if token.lastgroup == "word" and not depth else b""
        if word in (b"SELECT", b"WITH", b"INFILE"):
            return None
        if word == b"SETTINGS" and _ASSIGNMENT.match(text, token.end()):
            settings = token.start()
        elif word == b"VALUES":
            _format_of_single_statement(text)  # for the check that nothing follows the values
            return _split(text, settings, token, "Values", token.end(), keywords=keywords)
        elif word == b"FORMAT" and (name := next(tokens, None)) is not None:
            begin = _END_OF_LINE.match(text, name.end())
            data_start = begin.end() if begin else name.end()
            return _split(text, settings, token, _name(name), data_start, keywords=keywords)
    return None


def _split(
    text: bytes,
    settings: int | None,
    clause: re.Match[bytes],
    data_format: str,
    data_start: int,
    *,
    keywords: tuple[str, ...],
) -> ParsedStatement:
    """Cut an INSERT before its settings, if any, before the ``FORMAT`` or ``VALUES`` clause, and before the data."""
    end = clause.start() if settings is None else settings
    return ParsedStatement(
        text=text[:end],
        keywords=keywords,
        settings=text[end : clause.start()],
        data_format=data_format,
        data=text[data_start:],
    )


def _format_of_single_statement(text: bytes) -> str | None:
    """Return what the FORMAT clause at the end asks for; refuse a second statement."""
    depth = 0
    found: str | None = None
    previous = b""
    in_settings = ended = False
    for token in _tokens(text):
        if token.group() == b";":
            ended = True
            continue
        if ended:
            raise refusal(SYNTAX_ERROR, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
        depth += _depth_change(token)
        word = token.group().upper() if token.lastgroup == "word" and not depth else b""
        if previous == b"FORMAT" and word:
            found, in_settings = _name(token), False
        elif word == b"SETTINGS":
            in_settings = True
        elif not in_settings:
            found = None  # the clause is last but for settings, so that was something else of the name
        previous = word
    return found


def _name(token: re.Match[bytes]) -> str:
    """Return a word as text; bytes that are no UTF-8 as escapes, for the engine to refuse the name they make."""
    return token.group().decode("utf-8", "backslashreplace")


def _depth_change(token: re.Match[bytes]) -> int:
    return {b"(": 1, b")": -1}.get(token.group(), 0)
