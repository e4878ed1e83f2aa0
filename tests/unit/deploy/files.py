"""The files that the deployment consists of, read as their programs read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"


def load(path: Path) -> Any:
    """Read one YAML document."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def alerts() -> list[dict[str, Any]]:
    """Return every alert rule of Prometheus."""
    files = sorted((DEPLOY / "prometheus/rules").glob("*.yaml"))
    groups = [group for file in files for group in load(file)["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def headings() -> set[str]:
    """Return the runbook's headings as the anchors that a Markdown viewer makes of them."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).strip().replace(" ", "-") for heading in found}
