from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from models.fields import ConversationId, CustomerId, EventId, JobId, Label, TenantId

LABEL: TypeAdapter[str] = TypeAdapter(Label)
NIL, MAX = str(UUID(int=0)), str(UUID(int=2**128 - 1))


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_a_label_has_no_control_character_of_either_kind(code: int) -> None:
    with pytest.raises(ValidationError):
        LABEL.validate_python(f"a{chr(code)}b")


def test_a_label_may_be_in_any_language() -> None:
    for text in ("größe", "\u00a0", "価格", "\u05e9\u05dc\u05d5\u05dd"):
        assert LABEL.validate_python(text) == text


@pytest.mark.parametrize("kind", [EventId, TenantId, ConversationId])
@pytest.mark.parametrize("text", [NIL, MAX, MAX.upper(), "0" * 32, f"{{{NIL}}}", f"urn:uuid:{MAX}"])
def test_no_id_is_the_nil_or_the_max_uuid_however_it_is_spelt(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError, match="neither all zeros nor all f"):
        TypeAdapter(kind).validate_json(json.dumps(text), strict=True)


@pytest.mark.parametrize("kind", [EventId, TenantId, ConversationId])
@pytest.mark.parametrize("number", [1, 2**127, 2**128 - 2, 0xF0 << 120, *(0xF << 4 * place for place in range(32))])
def test_every_other_uuid_is_one_also_by_the_published_pattern(kind: Any, number: int) -> None:
    adapter: TypeAdapter[UUID] = TypeAdapter(kind)
    pattern = adapter.json_schema()["pattern"]
    text = str(UUID(int=number))
    assert adapter.validate_json(json.dumps(text)) == UUID(int=number)
    assert re.search(pattern, text)
    assert re.search(pattern, text.upper())
    assert not any(re.search(pattern, one) for one in (NIL, MAX, MAX.upper()))


@pytest.mark.parametrize("kind", [CustomerId, JobId])
@pytest.mark.parametrize(
    "text", ["", " ", "\u00a0\u3000", "\u200b", "\u202e\u2066\u2069", "\ufeff", "\u00ad", "\u2028", "\t"]
)
def test_an_id_in_words_is_not_blank(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize("kind", [CustomerId, JobId])
def test_an_id_in_words_may_be_anything_that_is_seen(kind: Any) -> None:
    for text in ("0", " 7 ", "\u200dx", "字", "👩\u200d💻", "e\u0301", "-"):
        assert TypeAdapter(kind).validate_python(text) == text
