"""What the installation adds to dashboards and alert rules: figures, boards, objective, API address, working hours."""

from __future__ import annotations

from functools import lru_cache

from cli.console import err, styled
from cli.custom_figures import custom_figures
from cli.settings import settings
from dashboards.boards import Boards, boards
from dashboards.files import Installation
from models.working_hours import working_hours


@lru_cache(maxsize=1)
def own_boards() -> Boards:
    """Return the boards of ``ROMASHKA_BOARDS_DIR``; a file that is none is named and left out."""
    found = boards(settings().boards_dir)
    for error in found.errors:
        err.print(styled("[yellow]left out:[/] {}", error), soft_wrap=True, highlight=False)
    return found


def installation() -> Installation:
    """Return what the installation adds to dashboards and alert rules; its figures are registered."""
    chosen = settings()
    hours = working_hours(chosen.working_time_zone, chosen.working_days, chosen.working_hours)
    own = custom_figures().figures, own_boards().tabs
    return Installation(*own, chosen.query_objective, chosen.api_public_url, hours)
