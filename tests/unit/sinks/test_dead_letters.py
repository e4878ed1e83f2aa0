"""A rejected message as a row."""

from __future__ import annotations

from models.dead_letters import DeadLetter
from models.rows import DEAD_LETTERS
from sinks.dead_letters import DeadLetterRows
from storage.payload_cipher import PayloadCipher, place_of
from tests.examples.events import NOW, SECRET

_LETTER = DeadLetter(
    topic="integration.queries.v1",
    topic_epoch=2**64 - 1,
    partition=3,
    offset=42,
    stage="validate",
    reason="out_of_range",
    detail="ai_confidence_score: expected 0 to 1",
    key=b"tenant",
    raw=b'\x00\xff canary "customer"',
)


def test_a_row_keeps_the_coordinates_and_says_why() -> None:
    batch = DeadLetterRows(PayloadCipher(SECRET)).rows([_LETTER, _LETTER._replace(offset=43)], received_at=NOW)
    assert batch.schema.equals(DEAD_LETTERS)
    first, second = batch.to_pylist()
    sealed = {"message_key": first["message_key"], "raw": first["raw"]}
    assert first == {
        "received_at": NOW,
        "topic": "integration.queries.v1",
        "topic_epoch": 2**64 - 1,
        "partition": 3,
        "offset": 42,
        "stage": "validate",
        "reason": "out_of_range",
        "detail": "ai_confidence_score: expected 0 to 1",
        **sealed,
    }
    assert second["offset"] == 43


def test_key_and_value_are_sealed_and_open_in_their_place() -> None:
    cipher = PayloadCipher(SECRET)
    (row,) = DeadLetterRows(cipher).rows([_LETTER], received_at=NOW).to_pylist()
    assert b"canary" not in row["raw"]
    assert b"tenant" not in row["message_key"]
    place = place_of(row["topic"], row["topic_epoch"], row["partition"], row["offset"])
    assert (cipher.open(row["raw"], place), cipher.open(row["message_key"], place)) == (_LETTER.raw, _LETTER.key)


def test_a_message_without_key_and_value_is_kept_too() -> None:
    cipher = PayloadCipher(SECRET)
    (row,) = DeadLetterRows(cipher).rows([_LETTER._replace(key=b"", raw=b"")], received_at=NOW).to_pylist()
    assert cipher.open(row["raw"], "integration.queries.v1/18446744073709551615/3/42") == b""
