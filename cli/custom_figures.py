"""Figures that the installation defines for itself, for the commands that know figures."""

from __future__ import annotations

from functools import lru_cache

from cli.console import err, styled
from cli.settings import settings
from kpis import registry
from kpis.custom.figure_file import CustomFigures, figures


@lru_cache(maxsize=1)
def custom_figures() -> CustomFigures:
    """Return the figures of ``ROMASHKA_KPIS_DIR``, and what is wrong with its other files."""
    return figures(settings().kpis_dir)


def register_figures() -> None:
    """Add them to the registry. A file that defines none is named and left out: it stops no command."""
    found = custom_figures()
    for error in found.errors:
        err.print(styled("[yellow]left out:[/] {}", error), soft_wrap=True, highlight=False)
    registry.register(one.kpi for one in found.figures)
