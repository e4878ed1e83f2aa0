"""Figures that the installation defines for itself, for the commands that know figures."""

from __future__ import annotations

from functools import lru_cache

from cli.console import err, styled
from cli.settings import settings
from kpis import registry
from kpis.custom.figure_file import CustomFigures, figures
from kpis.custom.installed import installed_figures


@lru_cache(maxsize=1)
def custom_figures() -> CustomFigures:
    """Return the figures of ``ROMASHKA_KPIS_DIR`` and of installed packages, and what is wrong with the others."""
    files = figures(settings().kpis_dir)
    packages = installed_figures(files)
    return CustomFigures((*files.figures, *packages.figures), (*files.errors, *packages.errors))


def register_figures() -> None:
    """Add them to the registry. A definition that cannot be used is named and left out: it stops no command."""
    found = custom_figures()
    for error in found.errors:
        err.print(styled("[yellow]left out:[/] {}", error), soft_wrap=True, highlight=False)
    registry.register(one.kpi for one in found.figures)
