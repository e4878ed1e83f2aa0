"""Versions of before and this one: the same data and states, workers side by side, and the way back.

The old version is taken out of the git history into a folder and runs with the packages of this environment. The first
release is found by its tag, or by the commit that wrote its release notes; a later one, which has states of detectors,
by the migration that it lacks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import uuid
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from clickhouse_connect.driver.client import Client

from sinks.migrations import known, migrate
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.spare_databases import unused
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

_ROOT: Final = Path(__file__).parents[2]
_RELEASED: Final = "## [0.1.0] - 2026-11-22"
_LACKS: Final = "0064_recommendations.sql"
_TENANTS: Final = [str(uuid.uuid5(uuid.UUID(int=18), str(number))) for number in range(12)]
_TOTALS: Final = "SELECT sum(queries) AS queries, sum(response_time_ms_sum) AS ms FROM query_windows FINAL"


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def _first_release() -> str:
    if _git("rev-parse", "--verify", "--quiet", "v0.1.0^{commit}"):
        return "v0.1.0"
    found = _git("log", "--format=%H", f"-S{_RELEASED}", "--", "CHANGELOG.md").decode().split()
    return found[-1] if found else ""


def _with_states() -> str:
    added = _git("log", "--format=%H", "--diff-filter=A", "--", f"sinks/schema/{_LACKS}").decode().split()
    return f"{added[-1]}^" if added else ""


@pytest.fixture(scope="module", params=[_first_release, _with_states], ids=["0.1.0", "with states"])
def old_version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the old version."""
    shallow = _git("rev-parse", "--is-shallow-repository").strip() != b"false"
    revision = "" if shallow else os.environ.get("ROMASHKA_UPGRADE_FROM") or request.param()
    if not revision:
        pytest.skip("the git history does not reach back to this version")
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=BytesIO(_git("archive", revision))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _old(env: dict[str, str], folder: Path) -> dict[str, str]:
    return {**env, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def _old_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *arguments]


def _run_old(env: dict[str, str], folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        _old_command(*arguments), env=_old(env, folder), cwd=folder, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout.decode()


def _shares_a_group(folder: Path) -> bool:
    """Whether workers of both versions can be in one group: the first release had Faust's own assignment."""
    return "RoundRobin" in (folder / "streams/transport.py").read_text(encoding="utf-8")


class Sent:
    """Publishes query events and keeps the totals that ClickHouse must hold for them."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._began = datetime.now(UTC) - timedelta(minutes=115)  # in the order of time, so that minutes close
        self.queries = 0
        self.ms = 0

    def send(self, number: int) -> None:
        lines = [self._query(self.queries + one) for one in range(number)]
        romashka(self._env, "replay", "-", "--topic", "queries", stdin="\n".join(lines).encode())
        self.queries += number
        self.ms += sum(json.loads(line)["response_time_ms"] for line in lines)

    def _query(self, number: int) -> str:
        at = self._began + timedelta(seconds=number)
        event: dict[str, Any] = {
            "event_id": str(uuid.uuid4()),
            "user_id": _TENANTS[number % len(_TENANTS)],
            "conversation_id": str(uuid.uuid4()),
            "integration_provider": "hubspot",
            "query_type": "contact_lookup",
            "query_success": number % 10 != 0,
            "response_time_ms": 100 + number % 400,
            "created_at": at.isoformat(),
            "customer_id": f"customer {number % 7}",
        }
        return json.dumps(event)

    def reached(self, client: Client) -> bool:
        return query_rows(client, _TOTALS, {}) == [{"queries": self.queries, "ms": self.ms}]


def test_old_data_and_states_are_read_old_and_new_workers_share_and_the_old_ones_can_take_over_again(
    env: dict[str, str], clickhouse_url: str, old_version: Path
) -> None:
    database: ClickHouseAddress = unused(clickhouse_url)
    env = {**env, "ROMASHKA_CLICKHOUSE_DATABASE": database.database}
    sent = Sent(env)
    _run_old(env, old_version, "migrate")
    old_worker = WorkerProcess(_old(env, old_version), _old_command("worker"))
    with old_worker, connect(database) as client:
        old_worker.wait_until_ready()
        sent.send(1_500)
        wait_for(lambda: sent.reached(client), 60, old_worker.log)
        if query_rows(client, "EXISTS TABLE detector_states", {}) == [{"result": 1}]:
            states = "SELECT count() AS states FROM detector_states"
            wait_for(lambda: query_rows(client, states, {})[0]["states"] > 0, 90, old_worker.log)
        before = int(query_rows(client, "SELECT count() AS n FROM schema_migrations FINAL", {})[0]["n"])
        # The schema is upgraded while the old worker runs and writes.
        sent.send(500)
        assert len(migrate(database)) == len(known()) - before > 0
        sent.send(500)
        wait_for(lambda: sent.reached(client), 60, old_worker.log)
        new_env = env
        if not _shares_a_group(old_version):
            assert old_worker.terminate() == 0
            # The embedded broker does not forget the protocol of a group that is empty. Another group reads all again.
            new_env = {**env, "ROMASHKA_KAFKA_GROUP": f"{env['ROMASHKA_KAFKA_GROUP']}-2"}
        with WorkerProcess(new_env) as new_worker:
            new_worker.wait_until_ready()
            sent.send(2_000)
            wait_for(lambda: sent.reached(client), 90, lambda: old_worker.log() + new_worker.log())
            assert new_worker.metric("romashka_messages_total") > 0
            if not old_worker.ended():
                assert old_worker.terminate() == 0
            sent.send(1_000)
            wait_for(lambda: sent.reached(client), 90, new_worker.log)
            assert new_worker.metric("romashka_detector_states_refused_total") == 0, "old states are read"
            assert new_worker.terminate() == 0
        # The way back: the old version on the new schema, with the offsets and rows of both.
        old_worker.start()
        sent.send(1_000)
        wait_for(lambda: sent.reached(client), 90, old_worker.log)
        assert old_worker.terminate() == 0
        events = "SELECT uniqExact(event_id) AS n, countIf(customer_id = '') AS without FROM integration_query_metrics"
        assert query_rows(client, events, {}) == [{"n": sent.queries, "without": 0}]
        customers = "SELECT uniqExact(user_id, customer_id) AS n FROM integration_query_metrics"
        assert query_rows(client, customers, {}) == [{"n": len(_TENANTS) * 7}], "both versions make the same pseudonyms"
