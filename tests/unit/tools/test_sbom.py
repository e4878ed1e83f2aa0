from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tools import sbom

BILL: Final[dict[str, Any]] = {
    "bomFormat": "CycloneDX",
    "components": [
        {"bom-ref": "web", "name": "Web", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
        {"bom-ref": "lock", "name": "lock", "version": "2", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
        {
            "bom-ref": "old",
            "name": "old",
            "version": "3",
            "licenses": [{"license": {"name": "License :: OSI Approved :: BSD License"}}],
        },
        {"bom-ref": "lint", "name": "lint", "version": "4"},
    ],
    "dependencies": [
        {"ref": "root-component", "dependsOn": ["web"]},
        {"ref": "web", "dependsOn": ["lock", "old"]},
        {"ref": "old", "dependsOn": ["web"]},
        {"ref": "lint", "dependsOn": ["lock"]},
    ],
}


def test_what_the_program_needs_directly_or_not_is_required_and_the_rest_is_excluded() -> None:
    scopes = {part["name"]: part["scope"] for part in sbom.scoped(BILL)["components"]}
    assert scopes == {"Web": "required", "lock": "required", "old": "required", "lint": "excluded"}


def test_licences_are_listed_by_name_and_a_missing_one_is_said() -> None:
    listed = [line for line in sbom.licences(sbom.scoped(BILL)).splitlines() if line.startswith(("| ", "## "))]
    assert listed == [
        "## What the program needs",
        "| part | version | licence |",
        "| lock | 2 | MIT OR Apache-2.0 |",
        "| old | 3 | BSD License |",
        "| Web | 1 | MIT |",
        "## For development only",
        "| part | version | licence |",
        "| lint | 4 | not declared |",
    ]


def test_the_file_is_marked_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sbom.json"
    file.write_text(json.dumps(BILL))
    sbom.main(file)
    assert json.loads(file.read_text()) == sbom.scoped(BILL)
    assert "| Web | 1 | MIT |" in capsys.readouterr().out
