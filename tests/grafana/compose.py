"""Grafana's environment as docker-compose.yml sets it, so that what is tested is what is started."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def image() -> str:
    """Return Grafana's image with its version."""
    return str(_service()["image"])


def plugin_version() -> str:
    """Return the version of the ClickHouse plugin that compose has installed."""
    return str(_service()["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]).partition("@")[2]


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return Grafana's variables with ``values`` in place of those of .env, and compose's defaults elsewhere."""

    def filled(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        if name in values:
            return values[name]
        return default if kind == "-" and default is not None else "romashka-test"

    return {name: _VARIABLE.sub(filled, str(value)) for name, value in _service()["environment"].items()}


def _service() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    return service
