"""``romashka doctor`` on what was broken by hand, and programs with another secret under the same key id."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from models.errors import ConfigurationError
from models.layouts import Layouts
from models.topics import QUERIES
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.fingerprints import check_secrets, fingerprint, require_secrets
from storage.live_schema import differences, probe
from streams.kafka import KafkaAddress, topic_epochs
from streams.layouts import begin_layouts, plan_layout
from tests.worker_process import WorkerProcess, romashka

pytestmark = pytest.mark.stack

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_OURS, _THEIRS = b"a secret for tests only, 32 bytes", b"another secret of thirty-two byte"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE dead_letters DROP COLUMN detail", "dead_letters.detail is missing"),
        (
            "ALTER TABLE dead_letters MODIFY COLUMN detail LowCardinality(String)",
            "dead_letters.detail is LowCardinality",
        ),
        ("DROP TABLE query_windows", "table query_windows is missing"),
        ("DROP TABLE deployments", "table deployments is missing"),
    ],
)
def test_what_was_changed_by_hand_is_named(database: ClickHouseAddress, statement: str, said: str) -> None:
    with connect(database) as client:
        assert differences(client) == []
        probe(client, datetime.now(UTC))
        client.command(statement)
        assert any(one.startswith(said) for one in differences(client))


def test_the_first_secret_of_a_key_id_holds_and_another_is_refused(database: ClickHouseAddress) -> None:
    with connect(database) as client:
        assert check_secrets(client, [("k1", _OURS)]) == ["k1"]
        require_secrets(client, [("k1", _OURS)], _NOW)
        require_secrets(client, [("k1", _OURS), ("k2", _THEIRS)], _NOW)
        with pytest.raises(ConfigurationError, match="the secret under the key id 'k1' is not the one"):
            require_secrets(client, [("k1", _THEIRS)], _NOW)
        stored = client.query("SELECT * FROM key_fingerprints").result_rows
    assert len(stored) == 2
    assert _OURS.hex() not in str(stored)
    assert fingerprint("k1", _OURS) != fingerprint("k2", _OURS)


def test_a_worker_a_command_and_doctor_refuse_another_secret(env: dict[str, str], database: ClickHouseAddress) -> None:
    with connect(database) as client:
        require_secrets(client, [("k1", _OURS)], _NOW)
    other = {**env, "ROMASHKA_PSEUDONYM_KEY": base64.b64encode(_THEIRS).decode()}
    with WorkerProcess(other) as worker:
        assert worker.exit_code(120) == 1
        assert "the secret under the key id 'k1' is not the one" in worker.log()
    for command in (["dead-letters", "list"], ["doctor"], ["api", "key", "add", "admin", "--label", "x"]):
        assert "key id 'k1' is not the one" in romashka(other, *command, expect=1)


@pytest.mark.long
def test_doctor_tells_of_a_change_of_partitions_that_was_not_finished(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    sink, epoch = ClickHouseSink(database), topic_epochs(topics, [QUERIES])[QUERIES.name]
    begin_layouts(sink, epoch, 8)
    assert "keys are spread over all 8" in romashka(env, "doctor")
    plan_layout(sink, epoch, 1, 24)
    assert "a change to 24 partitions has begun" in romashka(env, "doctor", expect=1)
    assert "to 24 partitions has begun" in romashka(env, "topics", "grow", "--partitions", "16", expect=1)
    for more in (("--dry-run",), ("--partitions", "24")):
        refused = romashka(env, "topics", "grow", "--abort", *more, expect=1)
        assert "--abort takes neither --dry-run nor --partitions" in refused
    assert "keys stay where they were" in romashka(env, "topics", "grow", "--abort")
    assert "keys are spread over all 8" in romashka(env, "doctor")
    assert "no change has begun" in romashka(env, "topics", "grow", "--abort")


def test_topics_do_not_shrink_and_a_dry_run_changes_nothing(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    assert "Kafka cannot take any away" in romashka(env, "topics", "grow", "--partitions", "4", expect=1)
    assert "have" not in romashka(env, "topics", "grow", "--partitions", "8", expect=0)
    printed = romashka(env, "topics", "grow", "--partitions", "24", "--dry-run", expect=1)
    assert "integration.queries.v1 gets 24 partitions" in printed
    assert "about 67% of the tenants" in printed
    # The broker is asked, and the embedded one adds none.
    assert "Kafka adds no partitions" in printed
    assert "nothing was changed" in printed
    assert ClickHouseSink(database).layouts(topic_epochs(topics, [QUERIES])[QUERIES.name]) == Layouts()
