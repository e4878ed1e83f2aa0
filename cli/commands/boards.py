"""``romashka boards``: dashboards that the installation lays out for itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import TenantOrAll, number, one_tenant
from cli.commands.dashboards import write_pages
from cli.console import err, out, styled, table
from cli.installation import own_boards
from cli.settings import settings
from dashboards.board_example import example
from dashboards.boards import ID_PATTERN, Boards, board, boards, uid_of
from models.counting import counted
from models.errors import ConfigurationError, InvalidRequest, SettingsError
from storage.connection import connect

app = typer.Typer(help="Dashboards of your own: figures and analyses, laid out in boards.d.", no_args_is_help=True)
_Folder = Annotated[Path | None, typer.Argument(help="Folder of boards; ROMASHKA_BOARDS_DIR (boards.d) if not given")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of the board: small letters, digits and -")],
    target: Annotated[
        Path | None, typer.Option("--out", help="File to write; into ROMASHKA_BOARDS_DIR (boards.d) if not given")
    ] = None,
) -> None:
    """Write a board to begin with.

    Example: `romashka boards new support-lead`
    """
    if not re.fullmatch(ID_PATTERN, name):
        raise InvalidRequest("ID", f"'{name}' is given; expected small letters, digits and -, 2 to 23, a letter first")
    path = target or settings().boards_dir / f"{name}.yaml"
    if path.exists():
        raise SettingsError(f"{path} is there already; nothing was written. Choose another with --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example(name), encoding="utf-8")
    try:
        board(path)
    except ConfigurationError:
        path.unlink()
        raise
    out.print(styled("wrote {}. Change it, then: romashka boards check", path), highlight=False, soft_wrap=True)


@app.command("list")
def list_() -> None:
    """List the boards of ROMASHKA_BOARDS_DIR (boards.d).

    Example: `romashka boards list`
    """
    found = own_boards()
    _print(found, settings().boards_dir)


@app.command()
def check(folder: _Folder = None) -> None:
    """Check the boards of a folder: every file is read as the other commands read it.

    Example: `romashka boards check boards.d`
    """
    chosen = folder or settings().boards_dir
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"there is no folder {folder}; 'romashka boards new' makes one")
    found = own_boards() if folder is None else boards(folder)
    _print(found, chosen)
    if folder is not None:  # those of the installation itself were named when they were read
        for error in found.errors:
            err.print(styled("[red]{}[/]", error), soft_wrap=True, highlight=False)
    if found.errors:
        raise ConfigurationError(f"{counted(len(found.errors), 'file')} of {chosen} cannot be used")


@app.command()
def preview(
    name: Annotated[str, typer.Argument(metavar="ID", help="As 'romashka boards list' shows it")],
    target: Annotated[Path, typer.Option("--out", help="Output folder")] = Path("preview"),
    tenant: TenantOrAll = "",
    days: Annotated[
        float | None,
        typer.Option(min=0.01, max=36_500, callback=number, help="Days up to now; the board's own range if not given"),
    ] = None,
) -> None:
    """Write a board as a self-contained HTML page from ClickHouse's data, without Grafana.

    Example: `romashka boards preview support-lead --days 7`
    """
    found = [tab for tab in own_boards().tabs if tab.uid == uid_of(name)]
    if not found:
        raise SettingsError(f"there is no board '{name}' that can be used; 'romashka boards list' shows them all")
    whose = one_tenant(tenant)
    with connect(settings().clickhouse) as client:
        (page,) = write_pages(client, target, lambda _: whose, days, datetime.now(UTC), found)
    out.print(f"open {page.resolve().as_uri()}", soft_wrap=True)


def _print(found: Boards, folder: Path) -> None:
    if found.tabs:
        rows = [
            (
                tab.uid.removeprefix(uid_of("")),
                tab.title,
                tab.about,
                f"{len(tab.panels)}",
                tab.span,
            )
            for tab in found.tabs
        ]
        out.print(table(f"Boards of {folder}", ("id", "title", "about", "panels", "range"), rows, right=("panels",)))
        out.print(
            "As a page: romashka boards preview ID; for Grafana: romashka dashboards", style="dim", highlight=False
        )
    elif not found.errors:
        out.print(f"{folder} has no board; 'romashka boards new' writes one to begin with", highlight=False)
