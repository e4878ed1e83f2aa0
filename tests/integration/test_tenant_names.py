"""Display names that are set on the command line are what people read."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli import tenant

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("settings_of_database")]

TENANT = "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"


def romashka(*arguments: str) -> str:
    return CliRunner().invoke(tenant.app, arguments, catch_exceptions=False).output


def test_a_name_is_listed_as_it_was_set_last() -> None:
    assert "no tenant has a display name" in romashka("list")
    romashka("name", TENANT, "Old name")
    assert "is shown as [bold]Acme[/x]" in romashka("name", TENANT, "[bold]Acme[/x]")
    assert "[bold]Acme[/x]" in romashka("list")
    assert json.loads(romashka("list", "--format", "json")) == [{"tenant": TENANT, "display_name": "[bold]Acme[/x]"}]
