"""``romashka kpi new`` and ``kpi check``: figures that the installation defines for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.commands import kpi_analyse
from cli.commands.kpi import app
from cli.console import err, out, styled, table
from cli.custom_figures import custom_figures
from cli.settings import settings
from kpis.custom.examples import EXAMPLES
from kpis.custom.figure_file import figures
from models.counting import counted
from models.errors import ConfigurationError, SettingsError

__all__ = ["app", "kpi_analyse"]
_Source = Literal["queries", "conversations", "syncs"]
_Folder = Annotated[Path | None, typer.Argument(help="Folder of definitions; ROMASHKA_KPIS_DIR (kpis.d) if not given")]


@app.command()
def new(
    source: Annotated[_Source, typer.Argument(help="What the figure is made of")],
    target: Annotated[
        Path | None, typer.Option("--out", help="File to write; into ROMASHKA_KPIS_DIR (kpis.d) if not given")
    ] = None,
) -> None:
    """Write a definition to begin with: a figure of your own, in a file of a few lines.

    Example: `romashka kpi new conversations`
    """
    text = EXAMPLES[source]
    name = text.splitlines()[0].removeprefix("id: ")
    path = target or settings().kpis_dir / f"{name}.yaml"
    if path.exists():
        raise SettingsError(f"{path} is there already; nothing was written. Choose another with --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    out.print(styled("wrote {}. Change it, then: romashka kpi check", path), highlight=False, soft_wrap=True)


@app.command()
def check(folder: _Folder = None) -> None:
    """Check the definitions: every file, and every figure of an installed package, is read as other commands read it.

    Of a folder that is named, only its files.

    Example: `romashka kpi check`
    """
    chosen = folder or settings().kpis_dir
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"there is no folder {folder}; 'romashka kpi new' makes one")
    found = custom_figures() if folder is None else figures(folder)
    rows = [
        (one.kpi.id, one.kpi.title, one.kpi.unit.value, one.alert.value if one.alert else "-", one.origin)
        for one in found.figures
    ]
    if rows:
        out.print(table("Figures of your own", ("id", "what it is", "unit", "alert over", "defined in"), rows))
        out.print("Dashboard and alert rules: romashka dashboards", style="dim", highlight=False)
    elif not found.errors:
        out.print(f"{chosen} defines no figure; 'romashka kpi new' writes one to begin with", highlight=False)
    if folder is not None:  # those of the installation itself were named when they were read
        for error in found.errors:
            err.print(styled("[red]{}[/]", error), soft_wrap=True, highlight=False)
    if found.errors:
        raise ConfigurationError(f"{counted(len(found.errors), 'definition')} cannot be used")
