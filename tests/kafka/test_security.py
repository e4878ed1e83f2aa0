"""TLS, passwords and certificates on Apache Kafka: what is right works, and what is wrong says why and what to do."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Iterator
from typing import cast

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from cli.settings import Settings
from cli.verification import stored_events
from collector.publisher import EventMessage, KafkaPublisher
from models.errors import RomashkaError, SettingsError
from romashka_tracker import KafkaSecurity, KafkaTransport, TrackerError
from romashka_tracker.security import Mechanism
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer
from streams.kafka import KafkaAddress, client_settings, create_topics, missing_topics
from streams.kafka_reasons import check_worker_client
from tests.integration.test_main_path import TENANT, query
from tests.kafka import artifacts
from tests.kafka.certificates import Authority
from tests.kafka.secured import CLIENT_NAME, USER, WITHOUT_RIGHTS, Secured, secured_kafka
from tests.worker_process import WorkerProcess, environment, romashka, wait_for

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.long,
    pytest.mark.skipif(
        "ROMASHKA_TEST_KAFKA" not in os.environ or not artifacts.is_fetched(),
        reason="starts an Apache Kafka of its own; `make test-kafka` runs it",
    ),
]

QUERIES = "integration.queries.v1"
CERTIFICATE = "its certificate is refused: "
CA, BOOTSTRAP, PROTOCOL = "ROMASHKA_KAFKA_CA_FILE", "ROMASHKA_KAFKA_BOOTSTRAP", "ROMASHKA_KAFKA_SECURITY_PROTOCOL"
# Case → listener, what is changed, what librdkafka's side must say, what aiokafka's (the tracker's) must say.
WRONG: dict[str, tuple[str, dict[str, str], str, str]] = {
    "another authority": ("TLS", {"ca_file": "OTHER"}, f"{CERTIFICATE}self-signed.*{CA}", "self-signed.*ca_file"),
    "the system's authorities": ("TLS", {"ca_file": ""}, f"{CERTIFICATE}self-signed.*{CA}", "self-signed.*ca_file"),
    "an expired certificate": ("EXPIRED", {}, f"{CERTIFICATE}certificate has expired.*renew", "has expired.*renew"),
    "another host's certificate": ("ELSEWHERE", {}, f"{CERTIFICATE}IP address mismatch.*{BOOTSTRAP}", "mismatch.*name"),
    "no certificate of the client": (
        "MUTUAL",
        {"certificate_file": "", "key_file": ""},
        "alert.*ROMASHKA_KAFKA_CERTIFICATE_FILE",
        "closed.*certificate of the client",
    ),
    "a stranger's certificate": (
        "MUTUAL",
        {"certificate_file": "STRANGER", "key_file": "STRANGER_KEY"},
        "alert.*ROMASHKA_KAFKA_CERTIFICATE_FILE",
        "closed.*certificate of the client",
    ),
    "plain text on a TLS port": (
        "TLS",
        {"security_protocol": "PLAINTEXT"},
        f"speaks TLS: set {PROTOCOL} to SSL",
        "TLS",
    ),
    "TLS on a plain-text port": (
        "TLS",
        {"bootstrap": "ADMINISTRATORS"},
        f"no TLS: set {PROTOCOL} to PLAINTEXT",
        "no TLS",
    ),
    "no password where one is wanted": (
        "CLEAR",
        {"security_protocol": "PLAINTEXT"},
        f"try {PROTOCOL}=SASL_PLAINTEXT",
        "a username and a password",
    ),
    "no password where one is wanted, in TLS": (
        "PASSWORDS",
        {"security_protocol": "SSL"},
        f"try {PROTOCOL}=SASL_SSL",
        "or a username",
    ),
    "a password where none is wanted": (
        "PASSWORDS",
        {"bootstrap": "TLS"},
        f"takes no passwords: set {PROTOCOL} to SSL",
        "IllegalSaslStateError.*leave username out",
    ),
    "passwords without TLS on a TLS port": (
        "PASSWORDS",
        {"security_protocol": "SASL_PLAINTEXT"},
        f"speaks TLS: set {PROTOCOL} to SASL_SSL",
        "speaks TLS",
    ),
    **{
        f"a wrong {what} with {mechanism}": (
            "PASSWORDS",
            {"sasl_mechanism": mechanism, key: "somebody-else"},
            "Authentication failed.*check ROMASHKA_KAFKA_USER, ROMASHKA_KAFKA_PASSWORD",
            "Authentication failed.*check username",
        )
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        for what, key in (("password", "password"), ("user", "user"))
    },
    "nobody there": ("TLS", {"bootstrap": "127.0.0.1:1"}, f"Connection refused.*{BOOTSTRAP}", "refused|Connect call"),
    "a host that does not exist": (
        "TLS",
        {"bootstrap": "no-such-host.invalid:9093"},
        f"no-such-host.*{BOOTSTRAP}",
        "no-such-host",
    ),
}
RIGHT: dict[str, tuple[str, dict[str, str]]] = {
    "TLS": ("TLS", {}),
    "a certificate of the client": ("MUTUAL", {}),
    "a certificate whose key is encrypted": ("MUTUAL", {"key": "SEALED"}),
    **{
        f"{mechanism} on {listener}": (listener, {"sasl_mechanism": mechanism})
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        for listener in ("PASSWORDS", "CLEAR")
    },
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("certificates")) as running:
        create_topics(KafkaAddress(running.plain))
        env = {**os.environ, "ROMASHKA_KAFKA_BOOTSTRAP": running.plain, "ROMASHKA_KAFKA_GROUP": "workers"}
        for user in (USER, f"CN={CLIENT_NAME}", "CN=sealed", "ANONYMOUS"):
            romashka(env, "access", "kafka", "--worker", user, "--producer", user)
        let_see_topics(running)
        yield running


def let_see_topics(secured: Secured) -> None:
    sees = (ResourcePatternType.PREFIXED, f"User:{WITHOUT_RIGHTS}", "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)
    rule = AclBinding(ResourceType.TOPIC, "integration.", *sees)
    admin = AdminClient({"bootstrap.servers": secured.plain})
    for future in admin.create_acls([rule]).values():
        future.result()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "another authority")


def right(secured: Secured, case: str) -> KafkaAddress:
    listener, changed = RIGHT[case]
    if changed.get("key") == "SEALED":
        sealed = secured.sealed_client
        return secured.address(
            listener,
            certificate_file=str(sealed.certificate),
            key_file=str(sealed.key),
            key_password="of the key",
        )
    return secured.address(listener, **changed)


def wrong(secured: Secured, other: Authority, case: str) -> KafkaAddress:
    listener, changed, _, _ = WRONG[case]
    stranger = other.pair("stranger")
    places = {
        "OTHER": str(other.ca_file),
        "STRANGER": str(stranger.certificate),
        "STRANGER_KEY": str(stranger.key),
        "ADMINISTRATORS": secured.plain,
        "TLS": secured.ports["TLS"],
    }
    return secured.address(listener, **{key: places.get(value, value) for key, value in changed.items()})


def tracker_security(address: KafkaAddress) -> KafkaSecurity:
    mechanism = cast("Mechanism", address.sasl_mechanism)
    user, password = (address.user, address.password) if address.with_password else (None, None)
    if not address.encrypted:
        return KafkaSecurity(None, user, password, mechanism)
    return KafkaSecurity.tls(
        ca_file=address.ca_file or None,
        certificate_file=address.certificate_file or None,
        key_file=address.key_file or None,
        key_password=address.key_password,
        username=user,
        password=password,
        mechanism=mechanism,
    )


def settings_of(address: KafkaAddress) -> dict[str, str]:
    return {f"ROMASHKA_KAFKA_{name.upper()}": value for name, value in address._asdict().items() if value}


@pytest.mark.parametrize("case", RIGHT)
async def test_what_is_right_works_for_commands_worker_tracker_and_collector(secured: Secured, case: str) -> None:
    address = right(secured, case)
    assert missing_topics(address) == []
    await check_worker_client(address)
    transport = KafkaTransport(address.bootstrap, security=tracker_security(address))
    await transport.connect(QUERIES)
    await transport.close()
    publisher = KafkaPublisher(address)
    assert await publisher.publish([EventMessage(QUERIES, b"k", b"{}")], ()) == [True]
    await asyncio.to_thread(publisher.close)


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_said_with_the_reason_and_what_to_do(
    secured: Secured, other: Authority, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = wrong(secured, other, case)
    _, _, ours, trackers = WRONG[case]
    started = time.monotonic()
    with pytest.raises(RomashkaError, match=ours) as raised:
        await asyncio.to_thread(missing_topics, address)
    assert time.monotonic() - started < 12
    assert "somebody-else" not in str(raised.value)
    with pytest.raises(RomashkaError, match=ours):
        await asyncio.to_thread(BulkProducer, address)
    transport = KafkaTransport(address.bootstrap, security=tracker_security(address))
    with pytest.raises(TrackerError, match=trackers):
        await transport.connect(QUERIES)
    with caplog.at_level(logging.WARNING, "collector.publisher"):
        publisher = KafkaPublisher(address, delivery_seconds=1)
        assert await publisher.publish([EventMessage(QUERIES, b"k", b"{}")], ()) == [False]
        await asyncio.to_thread(wait_for, lambda: re.search(ours, caplog.text) is not None, 15, lambda: caplog.text)
        await asyncio.to_thread(publisher.close)


@pytest.mark.parametrize("command", ["doctor", "topics", "worker"])
@pytest.mark.parametrize(
    "case", ["another authority", "a wrong password with SCRAM-SHA-512", "plain text on a TLS port"]
)
def test_commands_and_the_worker_say_it_in_one_line(
    secured: Secured, other: Authority, case: str, command: str, env: dict[str, str]
) -> None:
    ours = WRONG[case][2]
    printed = romashka(env | settings_of(wrong(secured, other, case)), command, expect=1)
    assert re.search(ours, printed)
    assert "Traceback" not in printed
    assert "nexpected" not in printed


@pytest.mark.parametrize("case", ["a certificate of the client", "SCRAM-SHA-512 on PASSWORDS"])
def test_a_worker_with_the_documented_rights_reads_writes_and_commits(
    secured: Secured, case: str, database: ClickHouseAddress
) -> None:
    address = right(secured, case)
    env = environment(address, database, "workers") | settings_of(address)
    producer = Producer(client_settings(address) | {"partitioner": "murmur2_random"})
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        before = stored_events(client)
        for _ in range(20):
            producer.produce(QUERIES, json.dumps(query()), key=TENANT)
        producer.produce(QUERIES, b"no event", key=TENANT)
        moved = str(uuid.uuid4())
        producer.produce(QUERIES, json.dumps(query() | {"user_id": moved}), key=moved, partition=3)
        producer.produce(QUERIES, json.dumps(query() | {"user_id": moved}), key=moved, partition=4)
        assert producer.flush(30) == 0
        wait_for(lambda: stored_events(client) >= before + 22, 60, worker.log)
        letters = "SELECT count() FROM dead_letters"
        wait_for(lambda: client.query(letters).result_rows[0][0] >= 1, 30, worker.log)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
        assert worker.metric("romashka_publish_failures_total") == 0
        assert worker.terminate() == 0


@pytest.mark.parametrize("command", ["worker", "doctor"])
def test_a_user_without_a_right_is_told_which(secured: Secured, database: ClickHouseAddress, command: str) -> None:
    address = secured.address("PASSWORDS")
    env = environment(address, database, "a group of nobody") | settings_of(address)
    printed = romashka(env, command, expect=1)
    assert "does not give user worker what a worker needs: READ on group a group of nobody" in printed
    printed = romashka(env | {"ROMASHKA_KAFKA_USER": WITHOUT_RIGHTS}, command, expect=1)
    assert "READ on topic integration.queries.v1" in printed
    assert "WRITE on topic integration.insights.v1" in printed
    assert "READ on group" in printed
    assert "Traceback" not in printed


def test_settings_name_what_they_lack(env: dict[str, str]) -> None:
    assert Settings().kafka_certificate_file == ""
    printed = romashka(env | {"ROMASHKA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "doctor", expect=1)
    assert "ROMASHKA_KAFKA_USER is empty" in printed
    with pytest.raises(SettingsError):
        client_settings(KafkaAddress("x:1", "SSL", ca_file="/no/such/file"))
