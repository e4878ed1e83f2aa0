"""Errors say what a text should be, and show no regular expression."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from api.app import create_app
from api.mcp.backend import Backend
from api.mcp.server import mcp_server
from api.services import Configuration
from cli.commands.access import TenantReader, read_tenant_readers
from collector.openapi import document
from dashboards.boards import BoardText
from kpis.custom.definition import FigureText
from kpis.custom.yaml_files import parsed
from models.errors import ConfigurationError, SettingsError
from models.pattern_words import message_of, words_of
from models.topics import INGEST
from storage.connection import ClickHouseAddress


def _patterns(schema: Any) -> Iterator[str]:
    """Yield what a JSON Schema refuses texts by, except ids, whose error has words of its own."""
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str) and schema.get("format") != "uuid":
            yield pattern
        for one in schema.values():
            yield from _patterns(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _patterns(one)


async def _schemas() -> dict[str, Any]:
    app = create_app(Configuration(ClickHouseAddress("http://127.0.0.1:1", "none"), b"0" * 32, Path("nowhere")))
    tools = await mcp_server(Backend(app)).list_tools()
    return {
        "API": app.openapi(),
        "collector": document(),
        "agents": [tool.input_schema for tool in tools],
        "figures": FigureText.model_json_schema(),
        "boards": BoardText.model_json_schema(),
        "users": TypeAdapter(list[TenantReader]).json_schema(),
        "events": [TypeAdapter(topic.event).json_schema() for topic in INGEST],
    }


async def test_every_pattern_that_a_user_may_meet_has_words() -> None:
    found = {(name, pattern) for name, schema in (await _schemas()).items() for pattern in _patterns(schema)}
    assert len({pattern for _, pattern in found}) > 10
    assert [(name, pattern) for name, pattern in sorted(found) if words_of(pattern) is None] == []


def test_a_pattern_without_words_is_not_shown_either() -> None:
    error = {"type": "string_pattern_mismatch", "msg": "String should match '^x$'", "ctx": {"pattern": "^x$"}}
    assert message_of(error) == "expected another form of text"


def test_a_file_of_a_figure_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("id: Slow-Queries\n")
    with pytest.raises(ConfigurationError, match="3 to 63 small letters, digits and _, a letter first, for example"):
        parsed(path, FigureText)


def test_a_file_of_users_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text('[{"name": "Shop 1"}]')
    with pytest.raises(SettingsError, match=r"0\.name: expected 1 to 63 small letters") as refused:
        read_tenant_readers(path)
    assert "^[" not in str(refused.value)
