"""The notebook of ``examples/``: every cell runs against the API, and what it prints is what the week holds."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.roles import Role
from api.services import Configuration
from tests.api_server import SECRET, serving, stored
from tests.simulated_week import Week

pytestmark = pytest.mark.stack

_NOTEBOOK = Path(__file__).parents[3] / "examples" / "figures.ipynb"


def test_every_cell_runs_and_prints_figures(week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    period = {"from": week.start.isoformat(), "to": week.end.isoformat()}
    cells = [
        "".join(cell["source"]) for cell in json.loads(_NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"
    ]
    monkeypatch.setenv("ROMASHKA_API_KEY", stored(week.address, Role.ADMIN))
    names: dict[str, Any] = {}
    printed = []
    with serving(Configuration(week.address, SECRET, tmp_path)) as url:
        monkeypatch.setenv("ROMASHKA_API_URL", url)
        for number, cell in enumerate(cells):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(cell, f"cell {number}", "exec"), names)  # noqa: S102 - our own notebook
            names["PERIOD"] = period
            printed.append(out.getvalue())
    assert "shopify" in printed[1]
    assert "%" in printed[1]
    assert len(printed[2].splitlines()) >= 7
    assert " - " in printed[3]
