from __future__ import annotations

from typing import Any

import pytest

from romashka_tracker.wording import expected

_NULL = {"type": "null"}
_WHOLE = {"type": "integer", "minimum": 0, "description": "Whole minutes, 0 or more"}


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (_WHOLE, "an int: Whole minutes, 0 or more"),
        ({"anyOf": [_WHOLE, _NULL]}, "an int: Whole minutes, 0 or more"),
        ({"type": "boolean"}, "True or False"),
        ({"type": "string", "format": "uuid", "description": "The tenant"}, "a UUID: The tenant"),
        ({"anyOf": [{"type": "string", "enum": ["ai", "human"]}, _NULL]}, "one of ai, human"),
        (
            {"anyOf": [{"anyOf": [{"type": "number"}, {"type": "string"}], "description": "Money"}, _NULL]},
            "a number: Money",
        ),
        (
            {"type": "array", "description": "At most 64", "items": {"type": "string", "description": "A name"}},
            "a list: At most 64; each item text: A name",
        ),
    ],
)
def test_a_definition_reads_as_plain_language(definition: dict[str, Any], words: str) -> None:
    assert expected(definition) == words
