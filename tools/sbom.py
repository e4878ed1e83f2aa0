"""What the program is made of: marks the parts of a CycloneDX bill of materials, lists licences (``make sbom``).

python -m tools.sbom build/sbom.json > build/licences.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_ROOT: Final = "root-component"
_NOT_DECLARED: Final = "not declared"


def scoped(bill: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bill with a scope for each part: ``required`` where the program needs it, else ``excluded``.

    What is excluded is there for development: tests, checks, builds.
    """
    needed = _needed(bill)
    parts = [{**part, "scope": "required" if part["bom-ref"] in needed else "excluded"} for part in bill["components"]]
    return {**bill, "components": parts}


def licences(bill: Mapping[str, Any]) -> str:
    """Return a Markdown table of every required part with its version and licence, and of the others after it."""
    lines = ["# Licences", ""]
    for scope, title in (("required", "What the program needs"), ("excluded", "For development only")):
        lines += [f"## {title}", "", "| part | version | licence |", "|---|---|---|"]
        parts = [part for part in bill["components"] if part["scope"] == scope]
        for part in sorted(parts, key=lambda part: str(part["name"]).lower()):
            lines.append(f"| {part['name']} | {part['version']} | {_licence(part)} |")
        lines.append("")
    return "\n".join(lines)


def _needed(bill: Mapping[str, Any]) -> set[str]:
    parts = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    found: set[str] = set()
    waiting = [_ROOT]
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting += parts.get(part, [])
    return found


def _licence(part: Mapping[str, Any]) -> str:
    return " / ".join(dict.fromkeys(_names(part))) or _NOT_DECLARED


def _names(part: Mapping[str, Any]) -> Iterator[str]:
    entries = part.get("licenses", [])
    yield from (str(entry["expression"]) for entry in entries if "expression" in entry)
    declared = [entry["license"] for entry in entries if "license" in entry]
    ids = [str(licence["id"]) for licence in declared if "id" in licence]
    yield from ids or (str(licence["name"]).rpartition(" :: ")[2] for licence in declared)


def main(path: Path) -> None:
    """Mark the bill in place and print its licences."""
    bill = scoped(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(licences(bill))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
