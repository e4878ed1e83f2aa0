"""``romashka schema``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import out
from models.errors import SchemaMismatch
from models.schema import asyncapi, file_name, json_schema
from models.topics import INGEST

_ROOT = Path(__file__).parents[2]


def run(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file differs from the models")
    ] = False,
) -> None:
    """Write the JSON Schema of every event and the AsyncAPI document of the topics.

    Example: `romashka schema --check`
    """
    stale = [path for path, text in _files().items() if not path.exists() or path.read_text() != text]
    if check:
        if stale:
            names = ", ".join(str(path.relative_to(_ROOT)) for path in stale)
            raise SchemaMismatch(f"these files differ from the models: {names}; run 'romashka schema' and commit them")
        out.print("every schema is up to date")
        return
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_files()[path])
        out.print(f"wrote {path.relative_to(_ROOT)}")
    if not stale:
        out.print("every schema was up to date")


def _files() -> dict[Path, str]:
    schemas = _ROOT / "tracker" / "romashka_tracker" / "schemas"
    documents: dict[Path, dict[str, Any]] = {schemas / file_name(topic): json_schema(topic) for topic in INGEST}
    documents[_ROOT / "docs" / "asyncapi.json"] = asyncapi()
    return {path: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for path, document in documents.items()}
