"""Templates of SQL: a fragment that is forgotten is an error, and every statement of a file is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpis.sql.templates import Templates

ROOT = Path(__file__).parents[4]
FILES = sorted((ROOT / "kpis").rglob("*.sql"))


def test_a_fragment_that_is_missing_is_an_error() -> None:
    templates = Templates("kpis.rollups", "conversation_fold.sql")
    with pytest.raises(KeyError):
        templates.render("fold")
    with pytest.raises(KeyError):
        templates.render("unfold", those="true")


def test_a_statement_is_one_line_without_comments() -> None:
    statement = Templates("kpis.rollups", "query_rollups.sql").render(
        "touched_windows", in_week="w", touched="(SELECT 1)"
    )
    assert statement == "w AND (user_id, toStartOfHour(window_start)) IN (SELECT 1)"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_statement_of_a_file_is_used(file: Path) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in file.parent.glob("*.py"))
    names = re.findall(r"^-- name: (\w+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert names
    assert [name for name in names if f'"{name}"' not in code] == []
