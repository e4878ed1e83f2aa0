"""The example messages of each topic: ``<topic>/valid/*.json`` and ``<topic>/invalid/*.json``.

A file's bytes are the message, as it stands. Beside an invalid one lies ``<name>.expected.json``: the stage, the
reason, and a fragment of the detail.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES, Topic

_HERE: Final = Path(__file__).parent
_FOLDERS: Final = {"queries": QUERIES, "outcomes": OUTCOMES, "health": HEALTH, "intelligence": INTELLIGENCE}


class Example(NamedTuple):
    """One message; ``expected`` is empty where it is valid."""

    name: str
    topic: Topic
    value: bytes
    expected: dict[str, str]


def _examples(kind: str) -> list[Example]:
    return [
        Example(f"{folder}/{file.stem}", topic, file.read_bytes(), _expected(file))
        for folder, topic in _FOLDERS.items()
        for file in sorted((_HERE / folder / kind).glob("*.json"))
        if not file.name.endswith(".expected.json")
    ]


def _expected(file: Path) -> dict[str, str]:
    beside = file.with_suffix(".expected.json")
    if file.parent.name == "valid":
        return {}
    expected: dict[str, str] = json.loads(beside.read_text(encoding="utf-8"))
    return expected


VALID: Final = _examples("valid")
INVALID: Final = _examples("invalid")
