"""Erasing a customer or a tenant, new keys for pseudonyms, and how long rows are kept: on the real engine."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.client import Client

from detectors.customers.churn import CHURN
from detectors.customers.recommendations import Recommendation
from jobs.privacy import rekey, repeat_erasures
from jobs.roll_ups import refresh as roll_up
from kpis.query import build_query
from kpis.scope import Interval, Scope
from models.dead_letters import DeadLetter
from models.errors import SettingsError
from models.rows import WRITTEN
from models.topics import HEALTH, INGEST, OUTCOMES, QUERIES, Topic
from reports.kept_files import search
from sinks.clickhouse import ClickHouseSink
from sinks.dead_letters import DeadLetterRows
from storage.connection import ClickHouseAddress, connect
from storage.dead_letter_store import DeadLetterStore
from storage.payload_cipher import PayloadCipher
from storage.privacy import Erasure, PrivacyStore
from storage.reading import query_rows
from storage.recommendation_store import RecommendationStore
from storage.retention import apply_retention, retention
from streams.arrow_batches import to_batch
from streams.decode import Decoder, RecordSource
from streams.pseudonyms import Pseudonymiser
from streams.topic_processor import TABLES
from tests.examples import events
from tests.examples.events import SECRET
from tests.worker_process import romashka

pytestmark = [pytest.mark.stack, pytest.mark.long]

_NOW: Final = datetime.now(UTC).replace(microsecond=0)
_TENANT, _OTHER = UUID(int=71), UUID(int=72)
_ANNA, _BEN = "anna@example.com", "ben@example.com"
_FIGURES: Final = ("query_count", "query_success_rate", "csat", "durable_resolution_rate", "value_generated")
_TEXTS: Final = """
SELECT table, groupArray(name) AS names FROM system.columns
WHERE database = currentDatabase() AND (type LIKE '%String%') AND table IN (
    SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
) GROUP BY table
"""


def _events(topic: Topic, tenant: UUID, customer: str, start: int) -> list[bytes]:
    made = []
    for number in range(start, start + 6):
        at = _NOW - timedelta(days=9, minutes=5 * number)
        ids = {"event_id": str(uuid5(tenant, f"{topic.name}{number}")), "user_id": str(tenant)}
        facts: dict[str, Any] = {**ids, "created_at": at.isoformat(), "customer_id": customer}
        if topic is OUTCOMES:
            facts |= {"business_value_generated": 12, "customer_satisfaction_score": 4, "outcome_type": "converted"}
        if topic is not HEALTH:
            facts["conversation_id"] = str(uuid5(tenant, f"conversation {number}"))
        made.append(events.message(topic, **facts))
    return made


def _fill(address: ClickHouseAddress, pseudonymiser: Pseudonymiser) -> None:
    sink = ClickHouseSink(address)
    for topic in INGEST:
        records = [
            events.Record(0, str(tenant).encode(), value)
            for tenant in (_TENANT, _OTHER)
            for start, customer in ((0, _ANNA), (6, _BEN))
            for value in _events(topic, tenant, customer, start)
        ]
        records = [one._replace(offset=place) for place, one in enumerate(records)]
        source = RecordSource(topic.name, 1, 0)
        decoded = Decoder(topic).decode(records, source, now=_NOW)
        assert not decoded.rejected
        for table in TABLES[topic]:
            sink.write(table, to_batch(decoded.events, decoded.offsets, WRITTEN[table], source, pseudonymiser))
    with connect(address) as client:
        roll_up(client)
        for tenant in (_TENANT, _OTHER):
            for customer in (_ANNA, _BEN):
                name = pseudonymiser.pseudonym(tenant.bytes, customer)
                row = ["churn", tenant, name, _NOW - timedelta(days=7), _NOW]
                client.insert(
                    "customer_snapshots",
                    [[*row, {}]],
                    column_names=["model", "user_id", "customer_id", "snapshot_at", "due_at", "features"],
                )
                client.insert(
                    "customer_scores",
                    [["churn", tenant, name, _NOW - timedelta(hours=1), 0.5, 0.5]],
                    column_names=["model", "user_id", "customer_id", "scored_at", "probability", "prior"],
                )
                advice = Recommendation(tenant, name, _NOW - timedelta(days=6), "silence", 0.5, 10.0, 0.1, 0.5, False)
                RecommendationStore(client, CHURN).add([advice])


def _found(client: Client, text: str) -> list[str]:
    """The tables in which a text stands, in any column; as merges will leave them."""
    tables = []
    for row in query_rows(client, _TEXTS, {}):
        columns = ", ".join(f"toString({name})" for name in row["names"])
        sql = f"SELECT count() AS n FROM {row['table']} WHERE position(concat('', {columns}), {{text:String}}) > 0"
        if query_rows(client, sql, {"text": text})[0]["n"]:
            tables.append(str(row["table"]))
    return sorted(tables)


def _shown(client: Client, tenant: UUID) -> list[dict[str, Any]]:
    scope = Scope(_NOW - timedelta(days=12), _NOW, tenant, as_of=_NOW)
    return query_rows(client, *build_query(_FIGURES, scope, every=Interval.DAY))


def _erasure(names: list[str], tenant: UUID = _TENANT) -> Erasure:
    return Erasure(uuid4(), tenant, not names, names, "erased.1", _NOW, _NOW + timedelta(days=14))


def test_an_erased_customer_is_in_no_table_and_every_figure_stays(database: ClickHouseAddress) -> None:
    pseudonymiser = Pseudonymiser(SECRET, "k1")
    _fill(database, pseudonymiser)
    anna, ben = (pseudonymiser.pseudonym(_TENANT.bytes, one) for one in (_ANNA, _BEN))
    with connect(database) as client:
        before = [_shown(client, tenant) for tenant in (_TENANT, _OTHER)]
        bens = _found(client, ben)
        assert {
            "integration_query_metrics",
            "conversation_facts",
            "customer_snapshots",
            "customer_recommendations",
        } <= set(_found(client, anna))
        assert {"conversation_sales", "customer_conversations", "conversation_places"} <= set(_found(client, anna))
        store = PrivacyStore(client)
        erasure = _erasure([anna])
        store.remember(erasure)
        assert store.erase(erasure)["integration_query_metrics"] == 6
        assert _found(client, anna) == ["privacy_erasures"]  # until Kafka has forgotten, too
        assert store.erase(erasure) == {}
        assert [_shown(client, tenant) for tenant in (_TENANT, _OTHER)] == before
        roll_up(client)
        assert [_shown(client, tenant) for tenant in (_TENANT, _OTHER)] == before
        assert _found(client, ben) == bens
        # A worker that was killed reads its chunk again.
    _fill(database, pseudonymiser)
    with connect(database) as client:
        assert len(_found(client, anna)) > 1
        repeat_erasures(client, _NOW)
        assert _found(client, anna) == ["privacy_erasures"]


def test_of_an_erased_tenant_no_row_is_left_and_others_keep_theirs(database: ClickHouseAddress) -> None:
    pseudonymiser = Pseudonymiser(SECRET, "k1")
    _fill(database, pseudonymiser)
    with connect(database) as client:
        theirs = _shown(client, _OTHER)
        done = PrivacyStore(client).erase(_erasure([]))
        assert {"query_days", "conversation_facts", "integration_query_metrics", "known_tenants"} & set(done)
        for table in PrivacyStore(client).tables():
            left = query_rows(client, f"SELECT count() AS n FROM {table.name} WHERE user_id = '{_TENANT}'", {})
            assert left == [{"n": 0}], table.name
        assert _shown(client, _OTHER) == theirs


def test_pseudonyms_get_the_new_key_in_every_table_and_figures_stay(database: ClickHouseAddress) -> None:
    old = Pseudonymiser(SECRET, "k1")
    new = Pseudonymiser(SECRET[::-1], "k2", old_keys=[("k1", SECRET)])
    _fill(database, old)
    with connect(database) as client:
        before = _shown(client, _TENANT)
        places = _found(client, old.pseudonym(_TENANT.bytes, _ANNA))
        assert rekey(client, new) == 4
        assert _found(client, "k1.") == []
        assert _found(client, new.pseudonym(_TENANT.bytes, _ANNA)) == places
        assert _shown(client, _TENANT) == before
        assert rekey(client, new) == 0


def test_dead_letters_that_name_somebody_are_found_whatever_key_sealed_them(database: ClickHouseAddress) -> None:
    raws = [b'{"customer_id": "ANNA@example.com"', b'{"x": "\\u0061nna@example.com"}', b"ben", b"\xff\xfe"]
    letters = [
        DeadLetter(QUERIES.name, 1, 0, place, "decode", "invalid_json", "", b"", raw) for place, raw in enumerate(raws)
    ]
    sink = ClickHouseSink(database)
    sink.write("dead_letters", DeadLetterRows(PayloadCipher(SECRET)).rows(letters[:2], received_at=_NOW))
    sink.write("dead_letters", DeadLetterRows(PayloadCipher(SECRET[::-1])).rows(letters[2:3], received_at=_NOW))
    sink.write("dead_letters", DeadLetterRows(PayloadCipher(b"lost" * 8)).rows(letters[3:], received_at=_NOW))
    with connect(database) as client:
        store = DeadLetterStore(client, PayloadCipher(SECRET[::-1], [SECRET]))
        everything, closed = store.matching(lambda _key, _raw: True)
        assert (len(everything), closed) == (3, 1)
        store.delete(everything[:2])
        assert query_rows(client, "SELECT count() AS n FROM dead_letters", {}) == [{"n": 2}]


def test_tables_keep_their_rows_for_as_long_as_is_set(database: ClickHouseAddress) -> None:
    with connect(database) as client:
        assert retention(client)["conversation_outcomes"] == 400
        assert apply_retention(client, {"conversation_outcomes": 200, "query_windows": 400}) == {
            "conversation_outcomes": 200
        }
        assert retention(client)["conversation_outcomes"] == 200
        with pytest.raises(SettingsError, match="ROMASHKA_RETENTION_DAYS names moods; expected some of"):
            apply_retention(client, {"moods": 1})


def test_files_that_name_somebody_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("k1.abc,1\n")
    (tmp_path / "b.json").write_text("{}")
    pq.write_table(pa.table({"customer_id": ["k1.abc", ""]}), tmp_path / "c.parquet")
    found = search(sorted(tmp_path.iterdir()), ["k1.abc"])
    assert ([one.name for one in found.naming], found.unreadable) == (["a.csv", "c.parquet"], [])


def test_files_that_cannot_be_read_do_not_end_the_search(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"k1.abc" * 99)[:-9])
    (tmp_path / "c.gz").write_bytes(b"no gzip")
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "k1.abc" * 999)
    damaged = bytearray((tmp_path / "d.zip").read_bytes())
    damaged[40:50] = b"0123456789"
    (tmp_path / "d.zip").write_bytes(damaged)
    (tmp_path / "e.csv").write_text("k1.abc")
    found = search([*sorted(tmp_path.iterdir()), tmp_path / "gone.csv"], ["k1.abc"])
    assert [one.name for one in found.naming] == ["e.csv"]
    assert [one.name for one in found.unreadable] == ["a.parquet", "b.csv.gz", "c.gz", "d.zip"]


def test_a_tenant_is_erased_though_its_reports_are_in_the_folder_of_exports_and_a_file_is_damaged(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
) -> None:
    """A report that is found twice ended the command with a traceback, and no table was erased."""
    _fill(database, Pseudonymiser(b"a secret for tests only, 32 bytes", "k1"))
    keys = [
        romashka(env, "api", "key", "add", "viewer", "--tenant", str(one), "--label", "x") for one in (_TENANT, _OTHER)
    ]
    report = tmp_path / "report.html"
    romashka(env, "report", "generate", "operational", "--tenant", str(_TENANT), "--out", str(report))
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    there = tmp_path / "link" / ".." / tmp_path.name
    erase = ("privacy", "erase", "--tenant", str(_TENANT), "--exports", str(there), "--yes")
    printed = " ".join(romashka(env, *erase, expect=1).split())
    assert "1 file could not be searched or deleted" in printed
    assert "damaged.parquet" in printed
    assert not report.exists()
    with connect(database) as client:
        (row,) = query_rows(client, f"SELECT count() AS n FROM query_windows WHERE user_id = '{_TENANT}'", {})
    assert row["n"] == 0
    listed = json.loads(romashka(env, "api", "key", "list", "--format", "json"))
    assert len(keys) == len(listed)
    assert {one["tenant"] for one in listed if one["revoked"] == "-"} == {str(_OTHER)}


def test_a_folder_of_exports_that_is_not_there_is_no_folder_without_files(env: dict[str, str], tmp_path: Path) -> None:
    erase = ("privacy", "erase", "--tenant", str(_TENANT), "--exports", str(tmp_path / "exprots"), "--yes")
    assert "--exports" in romashka(env, *erase, expect=2)


def test_a_customer_is_erased_by_command_with_a_signed_record(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
) -> None:
    _fill(database, Pseudonymiser(b"a secret for tests only, 32 bytes", "k1"))
    (tmp_path / "export.csv").write_text(
        Pseudonymiser(b"a secret for tests only, 32 bytes", "k1").pseudonym(_TENANT.bytes, _ANNA)
    )
    printed = romashka(
        env,
        "privacy",
        "erase",
        "--tenant",
        str(_TENANT),
        "--customer",
        "Anna@Example.com ",
        "--exports",
        str(tmp_path),
        "--yes",
    )
    assert "cannot be erased; expires by" in printed
    assert "table integration_query_metrics" in printed
    assert not list(tmp_path.iterdir())
    with connect(database) as client:
        (row,) = query_rows(
            client, "SELECT details FROM audit_log WHERE action = 'privacy.erase' AND outcome = 'ok'", {}
        )
    details = json.loads(row["details"])
    assert details["erased"]["table integration_query_metrics"] == 6
    assert "anna" not in row["details"].lower()
    assert "k1." not in row["details"]
