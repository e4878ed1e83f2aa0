"""The example package of figures, installed as pip does it: its wheel, unpacked into a folder of packages."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Final

from hatchling.build import build_wheel

PACKAGE: Final = Path(__file__).parents[1] / "examples/figures-package"
IDS: Final = ("failed_chat_share", "failed_mail_share", "queries_per_conversation")


def installed(folder: Path) -> Path:
    """Install the example package into a new folder below ``folder``, and return that."""
    before = Path.cwd()
    os.chdir(PACKAGE)  # a build backend builds what is in the working directory (PEP 517)
    try:
        wheel = folder / build_wheel(str(folder))
    finally:
        os.chdir(before)
    site = folder / "site"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(site)
    return site


def written(site: Path, name: str, code: str, points: str) -> None:
    """Write a package of one module, ``name``, with entry points: lines such as ``x = module:attribute``."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(code, encoding="utf-8")
    about = site / f"{name}-2.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[romashka.kpis]\n{points}\n", encoding="utf-8")
