"""Copies of the alert rules that fire on any data, so that a delivered message can be read within a minute."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

_FORTNIGHT: Final = 14 * 24 * 3600


def eager(provisioning: Path) -> None:
    """Let messages leave at once, at any hour."""
    file = provisioning / "alerting/policies.yaml"
    text = re.sub(r"group_(wait|interval): \w+", "group_\\1: 5s", file.read_text())
    file.write_text(text.replace(", romashka-out-of-hours", "").replace(", romashka-maintenance", ""))


def groups(provisioning: Path) -> list[str]:
    """Return the names of the groups of rules that ask ClickHouse."""
    return [group["name"] for group in _read(provisioning)["groups"]]


def lower(provisioning: Path, age: timedelta) -> dict[str, set[str]]:
    """Let the rules of each group fire on whatever they find; return their titles by group.

    ``age`` is how old the newest data is: rules ask as if it were now.
    """
    newest = round(age.total_seconds())
    content = _read(provisioning)
    for group in content["groups"]:
        group["interval"] = "10s"
        for rule in group["rules"]:
            rule["for"] = "0s"
            for step in rule["data"]:
                if "relativeTimeRange" in step:
                    step["relativeTimeRange"] = {"from": newest + _FORTNIGHT, "to": newest}
                for condition in step["model"].get("conditions", ()):
                    below = condition["evaluator"]["type"] == "lt"
                    condition["evaluator"]["params"] = [1e12 if below else -1e12]
    _file(provisioning).write_text(json.dumps(content))
    return {
        group["name"]: {str(rule["annotations"]["title"]) for rule in group["rules"]} for group in content["groups"]
    }


def _file(provisioning: Path) -> Path:
    return provisioning / "alerting/rules.json"


def _read(provisioning: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(_file(provisioning).read_text())
    return content
