"""The tabs, one module each."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from dashboards.panel import Tab
from dashboards.tabs import names

ALL: Final[tuple[Tab, ...]] = tuple(import_module(f"dashboards.tabs.{names.MODULES[uid]}").TAB for uid in names.TITLES)
"""Every tab, in the order in which they are linked."""
