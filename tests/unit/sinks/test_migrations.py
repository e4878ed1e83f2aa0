"""The files of the schema: numbered without gaps, forward only, and cut into statements as they are meant."""

from __future__ import annotations

import re

import pytest

from sinks.migrations import Migration, known


def test_migrations_are_numbered_from_one_each_number_once() -> None:
    versions = [migration.version for migration in known()]
    assert versions[0] == 1
    assert versions == sorted(set(versions))


def test_names_come_from_the_files() -> None:
    assert known()[0].name == "events"


def test_the_checksum_changes_with_the_text_alone() -> None:
    one = Migration(1, "a", "SELECT 1;\n")
    assert one.checksum == Migration(2, "b", "SELECT 1;\n").checksum
    assert one.checksum != Migration(1, "a", "SELECT 1; \n").checksum


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        ("-- nothing yet\n", []),
        ("SELECT 1;\n", ["SELECT 1;"]),
        ("SELECT 1;\nSELECT 2", ["SELECT 1", "SELECT 2"]),
        ("-- about one;\nSELECT 1;\n\n  -- about two\nSELECT 2;\n", ["SELECT 1", "SELECT 2;"]),
        ("SELECT ';' AS semicolon,\n  2;\n", ["SELECT ';' AS semicolon,\n  2;"]),
    ],
)
def test_a_file_is_cut_at_semicolons_that_end_a_line(sql: str, statements: list[str]) -> None:
    assert Migration(1, "a", sql).statements == statements


@pytest.mark.parametrize("migration", known(), ids=lambda migration: migration.name)
def test_every_statement_may_run_twice(migration: Migration) -> None:
    """Two migrators at once, or one that died half way, must end in the same schema."""
    repeatable = re.compile(
        r"(CREATE .*IF NOT EXISTS|CREATE OR REPLACE|ALTER TABLE .*IF (NOT )?EXISTS|DROP .*IF EXISTS"
        r"|ALTER TABLE \w+\s+(MODIFY COLUMN|UPDATE \w+ = NULL)\b"  # the second time changes nothing
        r"|INSERT INTO (touched_\w+|recent_query_windows|known_tenants|insight_changes)\b)",  # all collapse equal rows
        re.DOTALL,
    )
    assert migration.statements
    assert [statement for statement in migration.statements if not repeatable.match(statement)] == []


@pytest.mark.parametrize("migration", known(), ids=lambda migration: migration.name)
def test_no_incremental_view_sums(migration: Migration) -> None:
    """It would see every insert, repeats too, and count them for ever; refreshable views do not."""
    views = [one for one in migration.statements if "MATERIALIZED VIEW" in one and "REFRESH" not in one]
    assert [one for one in views if re.search(r"\b(sum|count|avg|uniq|quantile)\w*\(|GROUP BY", one)] == []
