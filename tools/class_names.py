"""Names of public classes that stand for different things in different modules: ``python -m tools.class_names``."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_PACKAGES: Final = (
    *("api", "cli", "collector", "dashboards", "detectors", "embedded", "jobs", "kpis", "models", "reports"),
    *("simulator", "sinks", "storage", "streams"),
)


def duplicates() -> dict[str, list[str]]:
    """Return class name → modules, for each public name that more than one module defines."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(path.relative_to(_ROOT).as_posix())
    return {name: modules for name, modules in sorted(found.items()) if len(modules) > 1}


if __name__ == "__main__":
    for name, modules in duplicates().items():
        sys.stdout.write(f"{name}: {', '.join(modules)}\n")
