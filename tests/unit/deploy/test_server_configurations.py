"""Kafka and ClickHouse read their configuration where they are on this machine; ClickHouse's names are the engine's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from tests.kafka import artifacts
from tests.unit.deploy import engine
from tests.unit.deploy.files import DEPLOY

PROPERTIES: Final = DEPLOY / "kafka/server.properties"
CLICKHOUSE: Final = DEPLOY / "clickhouse/config.d/romashka.xml"
# Sections and ports that the engine does not list among its server settings: they belong to the server around it.
_OF_THE_SERVER: Final = {
    "backups",
    "listen_host",
    "interserver_http_port",
    "mysql_port",
    "postgresql_port",
    "logger",
    "prometheus",
    "query_log",
    "access_control_improvements",
}


@pytest.mark.skipif(
    artifacts.missing_tool() is not None or not artifacts.is_fetched(),
    reason="Apache Kafka is not on this machine; 'make test-kafka' fetches it",
)
def test_kafka_takes_its_properties_with_passwords_from_the_environment(tmp_path: Path) -> None:
    properties = tmp_path / "server.properties"
    properties.write_text(PROPERTIES.read_text(encoding="utf-8").replace("/var/lib/kafka/data", str(tmp_path / "data")))
    command = ["java", "-Xmx256m", "-cp", artifacts.classpath(), "kafka.tools.StorageTool", "format"]
    done = subprocess.run(
        [*command, "--cluster-id=MkU3OEVBNTcwNTJENDM2Qg", "--config", str(properties)],
        env={**os.environ, "ROMASHKA_KAFKA_PASSWORD": "x" * 20, "ROMASHKA_PRODUCER_PASSWORD": "y" * 20},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "data/meta.properties").exists()


def test_nobody_writes_to_kafka_without_a_password_and_a_rule() -> None:
    lines = dict(
        line.split("=", 1) for line in PROPERTIES.read_text().splitlines() if "=" in line and not line.startswith("#")
    )
    assert "PLAINTEXT:PLAINTEXT" not in lines["listener.security.protocol.map"]
    assert lines["allow.everyone.if.no.acl.found"] == "false"
    assert lines["auto.create.topics.enable"] == "false"
    assert lines["super.users"] == "User:romashka"


def test_clickhouse_knows_every_setting_of_its_configuration(tmp_path: Path) -> None:
    root = ElementTree.parse(CLICKHOUSE).getroot()  # noqa: S314 - our own file
    assert root.tag == "clickhouse"
    names = {child.tag for child in root} - _OF_THE_SERVER
    (found,) = engine.run(tmp_path / "data", ["SELECT groupArray(name) AS names FROM system.server_settings"])
    assert names
    assert names - set(found[0]["names"]) == set()


def test_a_reader_gets_what_was_granted_in_the_system_tables_too() -> None:
    improvements = ElementTree.parse(CLICKHOUSE).getroot().find("access_control_improvements")  # noqa: S314 - our own file
    assert improvements is not None
    told = {child.tag: child.text for child in improvements}
    assert told["select_from_system_db_requires_grant"] == "true"
    assert told["users_without_row_policies_can_read_rows"] == "false"
    # Without it a limit that a reader may change within bounds is refused by the engine (test_access.py).
    assert told["settings_constraints_replace_previous"] == "true"
