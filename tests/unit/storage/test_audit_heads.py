from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import SettingsError
from storage.audit import Head
from storage.audit_heads import HeadsFile

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_what_is_published_is_logged_and_comes_back_in_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = HeadsFile(tmp_path / "heads.jsonl")
    heads = [Head("w1", 3, "a" * 64), Head("w2", 1, "b" * 64)]
    with caplog.at_level(logging.INFO, "storage"):
        for head in heads:
            file.publish(head, NOW)
    assert file.heads() == heads
    assert f"audit head writer=w1 sequence=3 hash={'a' * 64}" in caplog.text


def test_without_a_file_nothing_is_kept() -> None:
    HeadsFile(None).publish(Head("w", 1, "a"), NOW)
    assert HeadsFile(None).heads() == []


def test_a_file_that_is_something_else_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    path.write_text('{"writer": "w", "sequence": 1, "hash": "a"}\nnonsense\n')
    with pytest.raises(SettingsError, match="line 2"):
        HeadsFile(path).heads()
    with pytest.raises(SettingsError, match="ROMASHKA_AUDIT_HEADS_FILE"):
        HeadsFile(tmp_path / "nowhere" / "heads").publish(Head("w", 1, "a"), NOW)
