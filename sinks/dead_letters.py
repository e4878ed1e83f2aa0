"""Rejected messages as rows: encrypted, and keyed by their Kafka coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from models.dead_letters import DeadLetter
from models.rows import DEAD_LETTERS
from storage.payload_cipher import PayloadCipher, place_of


class DeadLetterRows:
    """Makes rows of ``models.rows.DEAD_LETTERS``."""

    def __init__(self, cipher: PayloadCipher) -> None:
        self._sealer = cipher

    def rows(self, letters: Sequence[DeadLetter], *, received_at: datetime) -> pa.RecordBatch:
        """Return one row per dead letter; key and value are encrypted."""
        return pa.RecordBatch.from_pylist([self._row(letter, received_at) for letter in letters], schema=DEAD_LETTERS)

    def _row(self, letter: DeadLetter, received_at: datetime) -> dict[str, object]:
        place = place_of(letter.topic, letter.topic_epoch, letter.partition, letter.offset)
        return {
            "received_at": received_at,
            "topic": letter.topic,
            "topic_epoch": letter.topic_epoch,
            "partition": letter.partition,
            "offset": letter.offset,
            "stage": letter.stage,
            "reason": letter.reason,
            "detail": letter.detail,
            "message_key": self._sealer.seal(letter.key, place),
            "raw": self._sealer.seal(letter.raw, place),
        }
