from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from models.fields import Label

LABEL: TypeAdapter[str] = TypeAdapter(Label)


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_a_label_has_no_control_character_of_either_kind(code: int) -> None:
    with pytest.raises(ValidationError):
        LABEL.validate_python(f"a{chr(code)}b")


def test_a_label_may_be_in_any_language() -> None:
    for text in ("größe", "\u00a0", "価格", "\u05e9\u05dc\u05d5\u05dd"):
        assert LABEL.validate_python(text) == text
