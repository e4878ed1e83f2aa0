from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.boards import app
from models.errors import InvalidRequest


@pytest.mark.parametrize("name", ["Support Lead", "../escape", "a", "9lives", "b" * 24, ""])
def test_an_id_that_no_board_can_have_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    target = tmp_path / "boards" / "new.yaml"
    with pytest.raises(InvalidRequest, match="small letters") as refused:
        CliRunner().invoke(app, ["new", name, "--out", str(target)], catch_exceptions=False)
    assert refused.value.field == "ID"
    assert not target.parent.exists()
