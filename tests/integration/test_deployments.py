"""Deployments that are noted on the command line come back from the database, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from typer.testing import CliRunner

from cli.commands import deployments
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID
from storage.connection import ClickHouseAddress, connect
from storage.deployments import Deployment
from storage.deployments import deployments as stored

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("settings_of_database")]

TENANT = "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


def romashka(*arguments: str) -> str:
    return CliRunner().invoke(deployments.app, arguments, catch_exceptions=False).output


def test_what_is_noted_is_listed_once_and_the_newest_first(database: ClickHouseAddress) -> None:
    assert "nothing was noted" in romashka("list")
    for _ in range(2):  # a pipeline that runs again
        romashka("add", "assistant", "2.14.0", "--at", AT.isoformat())
    romashka("add", "[bold]shop", "7", "--tenant", TENANT)
    with connect(database) as client:
        newest, oldest = stored(client, AT - timedelta(days=1)).rows
    assert (newest.service, newest.version, newest.user_id) == ("[bold]shop", "7", UUID(TENANT))
    assert oldest == Deployment("assistant", "2.14.0", AT, ALL_TENANTS_ID)
    listed = romashka("list")
    assert listed.index("[bold]shop") < listed.index("assistant")


def test_a_deployment_without_a_name_or_of_no_tenant_is_a_clear_error() -> None:
    with pytest.raises(SettingsError, match="SERVICE is empty"):
        romashka("add", " ", "1")
    with pytest.raises(SettingsError, match="--tenant is 'nobody'; expected a UUID"):
        romashka("add", "assistant", "1", "--tenant", "nobody")


def test_when_is_on_the_clocks_of_the_zone_and_no_longer_ago_than_marks_are_kept(database: ClickHouseAddress) -> None:
    day = (AT - timedelta(days=2)).date()
    printed = romashka("add", "assistant", "1", "--at", f"{day}T08:00", "--time-zone", "Asia/Kathmandu")
    assert f"{day} 08:00 Asia/Kathmandu" in printed
    with connect(database) as client:
        (noted,) = stored(client, AT - timedelta(days=9)).rows
    assert noted.deployed_at == datetime(day.year, day.month, day.day, 2, 15, tzinfo=UTC)
    for wrong in (AT - timedelta(days=401), AT + timedelta(days=367)):
        with pytest.raises(SettingsError, match="of the last 400 days, or at most a year ahead"):
            romashka("add", "assistant", "1", "--at", wrong.isoformat())
