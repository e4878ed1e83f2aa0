"""What the API writes into the audit log, and what verifying it finds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.services import Configuration
from cli import settings as cli_settings
from cli.main import app as romashka
from models.errors import RomashkaError
from storage.audit import OPENED, audit_key, newest, stored_rows, verify
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.api_server import SECRET, serving
from tests.served_api import THEIRS, Api
from tests.worker_process import environment

pytestmark = pytest.mark.stack


def test_every_access_is_in_the_audit_log_and_a_change_of_it_is_seen(api: Api, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    with serving(Configuration(api.week.address, SECRET, tmp_path)) as url:
        here = api._replace(url=url)
        here.get("/v1/kpis/csat", api.analyst, country="DE")
        here.get("/v1/kpis/csat", api.analyst, tenant=str(THEIRS))
        here.get("/v1/kpis", "rmk_guess")
    with connect(api.week.address) as client:
        rows = [row for row in newest(client, before).rows if row.action != OPENED]
        everything = list(stored_rows(client))
    noted = {(row.actor.split(":")[0], row.action, row.object, row.outcome) for row in rows}
    assert ("key", "kpis.read", "GET /v1/kpis/csat?country=DE", "200") in noted
    assert ("key", "kpis.read", f"GET /v1/kpis/csat?tenant={THEIRS}", "403") in noted
    assert ("nobody", "request", "GET /v1/kpis", "401") in noted
    assert all(api.analyst not in row.details + row.object for row in everything)
    key = audit_key(SECRET)
    assert verify(everything, key).faults == []
    place = next(index for index, row in enumerate(everything) if row.outcome == "403")
    changed = [row._replace(outcome="200") if index == place else row for index, row in enumerate(everything)]
    assert "was changed" in verify(changed, key).faults[0].what


def test_verify_finds_a_row_that_was_changed_in_the_table(
    database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environment(KafkaAddress("127.0.0.1:9"), database, "none").items():
        if name.startswith("ROMASHKA_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROMASHKA_AUDIT_HEADS_FILE", str(tmp_path / "heads.jsonl"))
    cli_settings.settings.cache_clear()
    run = CliRunner()
    added = run.invoke(romashka, ["api", "key", "add", "admin", "--label", "first"])
    assert added.exit_code == 0, added.output
    key = added.stdout.strip().splitlines()[-1].split("_")[1]
    assert run.invoke(romashka, ["api", "key", "revoke", key]).exit_code == 0
    (listed,) = json.loads(run.invoke(romashka, ["api", "key", "list", "--format", "json"]).stdout)
    assert (listed["id"], listed["label"], listed["revoked"] == "-") == (key, "first", False)
    verified = run.invoke(romashka, ["audit", "verify"])
    assert verified.exit_code == 0, verified.output
    assert "6 rows in 2 chains" in verified.output
    assert "key.revoke" in run.invoke(romashka, ["audit", "list"], env={"COLUMNS": "200"}).output
    with connect(database) as client:
        client.command(
            "ALTER TABLE audit_log UPDATE object = 'key:other' WHERE action = 'key.revoke' SETTINGS mutations_sync = 1"
        )
    changed = run.invoke(romashka, ["audit", "verify"])
    assert isinstance(changed.exception, RomashkaError)
    assert "what it says was changed" in changed.output
    with connect(database) as client:
        client.command("TRUNCATE TABLE audit_log")
    emptied = run.invoke(romashka, ["audit", "verify"])
    assert isinstance(emptied.exception, RomashkaError)
    assert "was published outside" in emptied.output
    monkeypatch.delenv("ROMASHKA_AUDIT_HEADS_FILE")
    cli_settings.settings.cache_clear()
    assert "is empty" in str(run.invoke(romashka, ["audit", "verify"]).exception)
    cli_settings.settings.cache_clear()
