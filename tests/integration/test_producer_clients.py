"""The clients of docs/producers.md, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from collector.access import add_producer_key
from storage.connection import connect
from streams.kafka import KafkaAddress, create_topics
from tests.integration.test_collector import QUERIES, collecting
from tests.kafka_topic import records
from tests.spare_databases import SpareDatabases
from tests.typescript.__main__ import missing_node
from tests.worker_process import SECRET, environment

pytestmark = [pytest.mark.stack]
_ROOT: Final = Path(__file__).parents[2]
_CLIENTS: Final = dict(re.findall(r"^```(\w+)\n(.*?)^```$", (_ROOT / "docs/producers.md").read_text(), re.M | re.S))
_PACKAGE: Final = _ROOT / "tracker" / "typescript"
_SECONDS: Final = 120


@pytest.fixture(scope="module")
def where(kafka_bootstrap: str, spare_databases: SpareDatabases) -> Iterator[dict[str, str]]:
    """Yield the environment of a client, and where its events go."""
    kafka, database = KafkaAddress(kafka_bootstrap), spare_databases.lend()
    create_topics(kafka)
    with connect(database) as client:
        _, key = add_producer_key(
            client, SECRET, tenants=[], all_tenants=True, topics=[], label="clients", now=datetime.now(UTC)
        )
    with collecting(environment(kafka, database, "unused"), "collector") as url:
        yield {**os.environ, "ROMASHKA_COLLECTOR": url, "ROMASHKA_KEY": key, "BOOTSTRAP": kafka_bootstrap}


def sent(where: dict[str, str], command: list[str], folder: Path) -> None:
    """Run a client; the event whose id it prints must be in the topic."""
    done = subprocess.run(command, env=where, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    event_id = str(UUID(done.stdout.strip().splitlines()[-1]))
    values = [json.loads(value or b"{}") for _, value in records(where["BOOTSTRAP"], QUERIES)]
    [event] = [value for value in values if value.get("event_id") == event_id]
    assert (event["integration_provider"], event["response_time_ms"]) == ("hubspot", 250)


def _needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


def test_the_python_client_delivers(where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(_CLIENTS["python"])
    sent(where, [sys.executable, "client.py"], tmp_path)


@pytest.mark.skipif(missing_node() is not None, reason=str(missing_node()))
@pytest.mark.skipif(
    not (_PACKAGE / "dist").exists(), reason="the package is not built; `make test-typescript` builds it"
)
def test_the_typescript_client_delivers(where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "@romashka").mkdir(parents=True)
    (tmp_path / "node_modules" / "@romashka" / "integration-analytics").symlink_to(_PACKAGE)
    (tmp_path / "client.mjs").write_text(_CLIENTS["js"])
    sent(where, ["node", "client.mjs"], tmp_path)


@_needs("curl")
def test_the_curl_client_delivers(where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "client.sh").write_text(_CLIENTS["sh"])
    sent(where, ["sh", "client.sh"], tmp_path)


@_needs("go")
def test_the_go_client_delivers(where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "client.go").write_text(_CLIENTS["go"])
    sent(where, ["go", "run", "client.go"], tmp_path)


@_needs("java")
def test_the_java_client_delivers(where: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "Client.java").write_text(_CLIENTS["java"])
    sent(where, ["java", "Client.java"], tmp_path)


def test_the_document_has_a_client_for_each_language() -> None:
    assert {"python", "js", "sh", "go", "java"} <= _CLIENTS.keys()
