"""Conditions of user-defined figures: what is taken and refused, and that none of their text reaches a statement."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.custom.columns import SOURCES
from kpis.custom.conditions import MAX_LENGTH, ConditionError, condition_sql

QUERIES = SOURCES["queries"].columns
# All that a written condition is made of: words of ours, declared columns, numbers, and quoted text without quotes.
_TOKENS = re.compile(
    r"(?:\(|\)|,| |=|!=|>=|<=|>|<|AND\b|OR\b|NOT\b|IN\b|IS NULL\b|BETWEEN\b|true\b|false\b|-?\d+(?:\.\d+)?|"
    r"'[^'\\${}\x00-\x1f\x7f-\x9f]*'|" + "|".join(rf"{name}\b" for name in QUERIES) + ")*"
)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("channel = 'chat'", "(channel = 'chat')"),
        ("'chat'='chat' and query_success", None),
        ("query_success", "query_success"),
        ("not query_success", "(NOT query_success)"),
        ("query_success = false", "(query_success = false)"),
        ("response_time_ms >= 2000.5", "(response_time_ms >= 2000.5)"),
        ("customer_satisfaction_impact < -0.5", "(customer_satisfaction_impact < -0.5)"),
        ("ai_confidence_score BETWEEN 0.2 AND 0.4", "(ai_confidence_score BETWEEN 0.2 AND 0.4)"),
        ("error_kind IN ('auth', 'schema')", "(error_kind IN ('auth', 'schema'))"),
        ("error_kind NOT IN ('auth')", "(NOT (error_kind IN ('auth')))"),
        ("data_freshness_hours IS NOT NULL", "(NOT (data_freshness_hours IS NULL))"),
        (
            "channel <> 'chat' OR country='DE' AND query_success",
            "((channel != 'chat') OR ((country = 'DE') AND query_success))",
        ),
        ("channel = 'Größe 名前 🛒'", "(channel = 'Größe 名前 🛒')"),
        ("channel = 'chat' -- and nothing else", "(channel = 'chat')"),
    ],
)
def test_a_condition_is_written_anew(text: str, sql: str | None) -> None:
    if sql is None:
        with pytest.raises(ConditionError):
            condition_sql(text, QUERIES)
    else:
        assert condition_sql(text, QUERIES) == sql


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected comparisons"),
        ("channel = 'a'; DROP TABLE x", "found 2 statements"),
        ("channel = sleep(3)", "compared with 'sleep(3)'; expected text"),
        ("sleep(3)", "'sleep(3)' is not taken"),
        ("channel IN (SELECT name FROM system.tables)", "expected a list"),
        ("channel = channel", "expected text"),
        ("1 = 1", "'1' is not a column"),
        ("t.channel = 'a'", "'t.channel' is not a column"),
        ("user_id = 'a'", "there is no column 'user_id'"),
        ("chanel = 'a'", "did you mean channel?"),
        ("channel", "is text, not a condition by itself"),
        ("channel > 'a'", "> is for numbers"),
        ("channel BETWEEN 'a' AND 'b'", "BETWEEN is for numbers"),
        ("channel = 5", "expected text"),
        ("response_time_ms = '5'", "expected a number"),
        ("response_time_ms > 1e9", "expected a number"),
        ("query_success = 'yes'", "expected true or false"),
        ("channel LIKE '%a%'", "is not taken"),
        ("channel IS NULL", "which is never NULL"),
        ("query_success IS NOT NULL", "which is never NULL"),
        ("conversation_id IN ('')", "conversation_id is an id; only a figure of kind distinct takes it"),
        ("customer_id = 'abc'", "customer_id is an id"),
        ("channel = 'a$b'", "without $"),
        ("channel = '{x:String}'", "without $"),
        ("channel = '[[segment]]'", "without $"),
        ("channel IN ('a', 'b[[')", "without $"),
        ("channel = 'a\\\\'", "without $"),
        ("channel = 'it''s'", "without $"),
        ("(" * 400 + "query_success", "cannot be read"),
        ("query_success OR " * 80 + "query_success", f"at most {MAX_LENGTH:,} characters"),
    ],
)
def test_everything_else_is_refused_with_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(ConditionError) as refused:
        condition_sql(text, QUERIES)
    assert said in str(refused.value)


_PIECES = st.sampled_from(
    [
        *QUERIES,
        "=",
        "!=",
        "<",
        ">=",
        "AND",
        "OR",
        "NOT",
        "IN",
        "(",
        ")",
        ",",
        "'",
        "''",
        "'chat'",
        "5",
        "-",
        "0.5",
        "NULL",
        "IS",
        "BETWEEN",
        "true",
        ";",
        "--",
        "/*",
        "*/",
        "SELECT",
        "sleep(1)",
        "\\",
        "$x",
        "{x:String}",
        "`",
        '"',
        "::",
        "x -> y",
        "CASE",
        "UNION ALL",
        "system.tables",
        "é",
        "\u2028",
        "\x00",
        "0x1F",
        "1e5",
        "[1]",
        "?",
        "@",
        "#",
        "DATE '2026-01-01'",
    ]
)


@given(st.lists(_PIECES, max_size=12).map(" ".join) | st.text(max_size=40))
def test_whatever_is_written_it_is_refused_or_made_of_our_words_alone(text: str) -> None:
    try:
        sql = condition_sql(text, QUERIES)
    except ConditionError:
        return
    assert _TOKENS.fullmatch(sql), sql
