"""Every example message goes through the real decoder, and fares as its folder says."""

from __future__ import annotations

import json
from pathlib import Path

import fastjsonschema
import pytest

from models.rows import WRITTEN
from models.schema import json_schema
from streams.arrow_batches import to_batch
from streams.decode import Decoded, Decoder
from streams.pseudonyms import Pseudonymiser
from streams.topic_processor import TABLES
from tests.examples.corpus import INVALID, VALID, Example
from tests.examples.events import KEY, NOW, SECRET, Record, source


def _decode(example: Example) -> Decoded:
    return Decoder(example.topic).decode([Record(7, KEY, example.value)], source(example.topic), now=NOW)


def _names(example: Example) -> str:
    return example.name


@pytest.mark.parametrize("example", VALID, ids=_names)
def test_a_valid_example_becomes_an_event(example: Example) -> None:
    decoded = _decode(example)
    assert [letter.detail for letter in decoded.rejected] == []
    assert decoded.offsets == [7]


@pytest.mark.parametrize("example", VALID, ids=_names)
def test_the_same_message_becomes_the_same_rows(example: Example) -> None:
    schema = WRITTEN[TABLES[example.topic][0]]
    rows = []
    for pseudonymiser in (Pseudonymiser(SECRET, "k1"), Pseudonymiser(SECRET, "k1")):
        decoded = _decode(example)
        rows.append(to_batch(decoded.events, decoded.offsets, schema, source(example.topic), pseudonymiser))
    assert rows[0].equals(rows[1])


@pytest.mark.parametrize("example", VALID, ids=_names)
def test_a_valid_example_keeps_to_the_published_schema(example: Example) -> None:
    validate = fastjsonschema.compile(json_schema(example.topic))
    validate(json.loads(example.value))


@pytest.mark.parametrize("example", VALID, ids=_names)
def test_every_field_that_was_given_is_in_the_row(example: Example) -> None:
    decoded = _decode(example)
    schema = WRITTEN[TABLES[example.topic][0]]
    (row,) = to_batch(
        decoded.events, decoded.offsets, schema, source(example.topic), Pseudonymiser(SECRET, "k1")
    ).to_pylist()
    given = {name for name, value in json.loads(example.value).items() if value not in (None, [])}
    assert {name for name in given if name not in row or row[name] in (None, "", [])} == _unknown(example)


def _unknown(example: Example) -> set[str]:
    return {"trace", "sdk_version"} if example.name == "queries/unknown-fields" else set()


@pytest.mark.parametrize("example", INVALID, ids=_names)
def test_an_invalid_example_is_a_dead_letter_that_says_why(example: Example) -> None:
    decoded = _decode(example)
    (letter,) = decoded.rejected
    assert (letter.stage, letter.reason) == (example.expected["stage"], example.expected["reason"])
    assert example.expected["detail"] in letter.detail


@pytest.mark.parametrize("example", INVALID, ids=_names)
def test_an_invalid_example_is_kept_to_the_last_byte(example: Example) -> None:
    (letter,) = _decode(example).rejected
    assert (letter.key, letter.raw) == (KEY, example.value)


def test_no_example_is_left_out() -> None:
    files = [file for file in Path(__file__).parent.rglob("*.json") if not file.name.endswith(".expected.json")]
    assert len(files) == len(VALID) + len(INVALID)
    assert len(INVALID) == len(list(Path(__file__).parent.rglob("*.expected.json")))
