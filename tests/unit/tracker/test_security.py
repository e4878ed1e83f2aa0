from __future__ import annotations

import ssl

from romashka_tracker.security import KafkaSecurity


def test_nothing_given_is_plain_text() -> None:
    assert KafkaSecurity().producer_arguments() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


def test_a_context_alone_is_tls() -> None:
    context = ssl.create_default_context()
    assert KafkaSecurity(context).producer_arguments() == {"security_protocol": "SSL", "ssl_context": context}


def test_a_user_name_adds_sasl() -> None:
    context = ssl.create_default_context()
    arguments = KafkaSecurity(context, username="chat", password="secret").producer_arguments()
    assert arguments["security_protocol"] == "SASL_SSL"
    assert (arguments["sasl_mechanism"], arguments["sasl_plain_username"]) == ("SCRAM-SHA-512", "chat")
    assert KafkaSecurity(username="chat").producer_arguments()["security_protocol"] == "SASL_PLAINTEXT"


def test_the_password_is_not_printed() -> None:
    assert "secret" not in repr(KafkaSecurity(username="chat", password="secret"))
