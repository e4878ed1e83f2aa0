"""What is read from a statement before the engine sees it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.errors import QueryFailed
from embedded.statements import read_statement


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SELECT 1", None),
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"select 1 format Native;", "Native"),
        (b"SELECT 1\n FORMAT CSV -- FORMAT JSON", "CSV"),
        (b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1, final = 1", "JSON"),
        (b"SELECT 1 SETTINGS max_threads = 1 FORMAT JSON", "JSON"),
        (b"SELECT ' FORMAT JSON'", None),
        (b"SELECT format FROM t", None),
        (b"SELECT x AS format", None),
        (b"SELECT format('{}', x) FROM (SELECT 1 AS x)", None),
        (b"SELECT * FROM (SELECT 1 AS format) FORMAT TSV", "TSV"),
    ],
)
def test_the_format_clause_is_the_last_thing_but_for_settings(text: bytes, expected: str | None) -> None:
    assert read_statement(text).output_format == expected


@pytest.mark.parametrize(
    ("text", "head", "data_format", "data"),
    [
        (b"INSERT INTO t (a) FORMAT Native\n\x00\xff;\n\n", b"INSERT INTO t (a) ", "Native", b"\x00\xff;\n\n"),
        (b"INSERT INTO t FORMAT CSV \r\n1,2\n", b"INSERT INTO t ", "CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT JSONEachRow {}", b"INSERT INTO t ", "JSONEachRow", b"{}"),
        (b"INSERT INTO t FORMAT Native", b"INSERT INTO t ", "Native", b""),
        (b"INSERT INTO t VALUES (1, ';')", b"INSERT INTO t ", "Values", b" (1, ';')"),
        (b"insert into `FORMAT` (format) values (1);\n", b"insert into `FORMAT` (format) ", "Values", b" (1);\n"),
        (b"/* FORMAT x */ INSERT INTO t FORMAT TSV\n1", b"/* FORMAT x */ INSERT INTO t ", "TSV", b"1"),
    ],
)
def test_the_data_of_an_insert_starts_behind_its_format(
    text: bytes, head: bytes, data_format: str, data: bytes
) -> None:
    statement = read_statement(text)

    assert (statement.text, statement.data_format, statement.data) == (head, data_format, data)


def test_the_settings_of_an_insert_are_kept_apart() -> None:
    with_settings = read_statement(b"INSERT INTO settings (a) SETTINGS max_threads = 1 FORMAT CSV\n1")
    without = read_statement(b"INSERT INTO settings FORMAT CSV\n1")

    assert (with_settings.text, with_settings.settings) == (b"INSERT INTO settings (a) ", b"SETTINGS max_threads = 1 ")
    assert (without.text, without.settings) == (b"INSERT INTO settings ", b"")


@pytest.mark.parametrize("text", [b"INSERT INTO t SELECT 1", b"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x"])
def test_an_insert_from_a_select_has_no_data(text: bytes) -> None:
    statement = read_statement(text)

    assert statement.data_format is None
    assert statement.text == text


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1; SELECT 2",
        b"SELECT 1; DROP TABLE t",
        b"CREATE TABLE t (a Int8) ENGINE = Memory; DROP TABLE t",
        b"INSERT INTO t VALUES (1); DROP TABLE t",
        b"INSERT INTO t SELECT 1; DROP TABLE t",
        b"SELECT ';' /* ; */; -- ;\nSELECT 2",
    ],
)
def test_a_second_statement_is_refused(text: bytes) -> None:
    with pytest.raises(QueryFailed, match="Multi-statements are not allowed") as refused:
        read_statement(text)

    assert refused.value.code == 62


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1;",
        b"SELECT 1 ; ; -- the end",
        b"SELECT ';' || \";\" || `;`",
        rb"SELECT 'it\'s; ''fine'''",
        b"SELECT $doc$ ; 'x $doc$",
        b"SELECT 1 /* ; */ # ; \n",
    ],
)
def test_a_semicolon_that_separates_nothing_is_accepted(text: bytes) -> None:
    assert read_statement(text).keywords[0] == "SELECT"


@pytest.mark.parametrize("text", [b"", b"  \n", b"-- nothing", b";"])
def test_an_empty_statement_is_refused(text: bytes) -> None:
    with pytest.raises(QueryFailed, match="Empty query"):
        read_statement(text)


def test_the_first_words_are_found_behind_comments_and_parentheses() -> None:
    assert read_statement(b"-- x\n/* y */ ((select 1))").keywords[0] == "SELECT"
    assert read_statement(b"create or replace temporary table t").keywords == ("CREATE", "OR", "REPLACE", "TEMPORARY")


@given(st.binary())
def test_the_data_of_an_insert_is_never_changed(data: bytes) -> None:
    assert read_statement(b"INSERT INTO t (a, b) FORMAT Native\n" + data).data == data


@given(st.binary())
def test_any_bytes_are_read_or_refused_and_nothing_else(text: bytes) -> None:
    with suppress(QueryFailed):
        read_statement(text)


@pytest.mark.parametrize(
    "text",
    [b"INSERT INTO t FORMAT \xca", b"SELECT 1 FORMAT \xca\xff", b"\xffSELECT 1", b"INSERT \xc3 FORMAT \xe2\x80 1"],
)
def test_a_name_that_is_no_text_is_left_to_the_engine_to_refuse(text: bytes) -> None:
    with suppress(QueryFailed):
        assert read_statement(text).keywords
