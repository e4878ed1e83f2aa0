"""What librdkafka reports, and what of it is told."""

from __future__ import annotations

from confluent_kafka import KafkaError

from streams.kafka_address import KafkaAddress
from streams.kafka_reasons import Heard, unreachable


def heard(name: int, text: str) -> Heard:
    found = Heard()
    found(KafkaError(name, text))
    return found


def test_a_refused_password_is_librdkafkas_words_and_never_the_password() -> None:
    said = "sasl_ssl://kafka:9093/bootstrap: SASL authentication error: Authentication failed (after 3ms in state AUTH)"
    address = KafkaAddress("kafka:9093", "SASL_SSL", user="u", password="p4ssw0rd")
    error = str(unreachable(address, heard(KafkaError._AUTHENTICATION, said)))
    assert "Kafka at kafka:9093 does not answer (SASL authentication error: Authentication failed); check " in error
    assert "p4ssw0rd" not in error


def test_what_is_decisive_is_said_before_what_came_last() -> None:
    found = heard(KafkaError._AUTHENTICATION, "no")
    found(KafkaError(KafkaError._TRANSPORT, "later"))
    assert found.decisive
    assert found.last == ("_AUTHENTICATION", "no", "")
