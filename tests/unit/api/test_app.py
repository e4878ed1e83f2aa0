from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.auth_middleware import OPEN
from api.services import Configuration
from api.tokens import Provider, Tokens
from models.errors import SettingsError
from storage.connection import ClickHouseAddress


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(Configuration(ClickHouseAddress("http://127.0.0.1:1", "none"), b"0" * 32, Path("nowhere")))
    return app.openapi()


def test_every_route_that_needs_a_token_says_so_and_what_it_answers_otherwise(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path in OPEN:
                assert "security" not in operation
                continue
            assert operation["security"] == [{"bearer": []}]
            assert operation["summary"]
            for status in ("401", "403", "422", "429", "503"):
                content = operation["responses"][status]["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(references, part))
        if not isinstance(part, dict):
            return set()
        return {part["$ref"]} if "$ref" in part else set().union(*map(references, part.values()))

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_every_address_that_takes_a_time_takes_the_zone_of_its_clocks(document: dict[str, Any]) -> None:
    taking = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            parameters = {one["name"]: json.dumps(one["schema"]) for one in operation.get("parameters", [])}
            if any('"date-time"' in schema or '"date"' in schema for schema in parameters.values()):
                taking += 1
                assert "time_zone" in parameters, path
            assert not {"from", "to", "since", "until", "at", "before"} & {
                name for name, schema in parameters.items() if '"date-time"' not in schema
            }, path
    assert taking >= 4


@pytest.mark.parametrize("url", ["http://login.example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "keys"])
def test_keys_of_the_sign_in_service_come_over_https(url: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_OIDC_JWKS_URL"):
        Tokens(Provider("https://login.example.com/", "romashka", url), lambda: 0.0)
