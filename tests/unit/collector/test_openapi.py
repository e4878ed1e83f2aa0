"""The OpenAPI document beside what the collector does and docs/producers.md says."""

from __future__ import annotations

import re
from pathlib import Path

from collector.openapi import document
from tests.unit.collector.sending import Setup

_GUIDE = (Path(__file__).parents[3] / "docs" / "producers.md").read_text(encoding="utf-8")


def test_the_document_has_every_address_of_the_collector() -> None:
    assert set(document()["paths"]) == set(Setup().collector.paths)


def test_the_guide_and_the_document_name_the_same_answers() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", _GUIDE, re.MULTILINE)
    told = {status.strip() for row in rows for status in row.split(",")}
    assert told == set(document()["paths"]["/v1/events"]["post"]["responses"])


def test_every_reference_leads_somewhere() -> None:
    described = document()
    for name in re.findall(r"'\$ref': '#/([^']+)'", str(described)):
        found = described
        for part in name.split("/"):
            found = found[part]
