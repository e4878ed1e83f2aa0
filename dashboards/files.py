"""The generated files under ``deploy/grafana``: what they should say, and whether they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dashboards import grafana, own_figures
from dashboards.alerts import files as alerts
from dashboards.alerts import mute_timing
from dashboards.alerts.rule import Rule
from dashboards.alerts.rules import rules
from dashboards.panel import Tab
from dashboards.tabs import ALL
from kpis.custom.figure_file import CustomFigure
from models.objectives import API_ADDRESS, QUERY_OBJECTIVE
from models.working_hours import DEFAULT, WorkingHours

FOLDER: Final = Path("deploy/grafana")


class Installation(NamedTuple):
    """What an installation adds to what comes with romashka.

    ``figures`` are user-defined ones, which are registered (``kpis.registry.register``); ``boards`` are its own tabs;
    ``objective`` is the share of queries that should be answered, by which alert rules count error budgets; ``api`` is
    the address of the API as people reach it, for links to the pages of findings; ``hours`` are those in which warnings
    are told.
    """

    figures: Sequence[CustomFigure] = ()
    boards: Sequence[Tab] = ()
    objective: float = QUERY_OBJECTIVE
    api: str = API_ADDRESS
    hours: WorkingHours = DEFAULT


PLAIN: Final = Installation()


def tabs(installation: Installation = PLAIN) -> tuple[Tab, ...]:
    """Return every tab, in the order of reading."""
    own = (own_figures.tab(installation.figures),) if installation.figures else ()
    return (*ALL, *own, *installation.boards)


def every_rule(installation: Installation = PLAIN) -> tuple[Rule, ...]:
    """Return every alert rule."""
    return (*rules(installation.objective), *own_figures.rules(installation.figures))


def generated(installation: Installation = PLAIN) -> dict[str, str]:
    """Return the text of every generated file by its path below ``deploy/grafana``."""
    texts = {
        f"dashboards/{tab.audience}/{tab.uid}.json": grafana.render(tab, installation.api) for tab in tabs(installation)
    }
    return {
        **texts,
        alerts.FILE: alerts.render(every_rule(installation)),
        mute_timing.FILE: mute_timing.render(installation.hours),
    }


def drifted(folder: Path, installation: Installation = PLAIN) -> list[str]:
    """Return the files below ``folder`` that are missing, left over, or not what they should be."""
    wanted = generated(installation)
    there = {str(path.relative_to(folder)) for path in folder.glob("dashboards/**/*.json")}
    wrong = [name for name, text in wanted.items() if not _says(folder / name, text)]
    return sorted({*wrong, *(there - wanted.keys())})


def write(folder: Path, installation: Installation = PLAIN) -> list[str]:
    """Write what differs, delete what is left over; return the files that changed."""
    changed = drifted(folder, installation)
    wanted = generated(installation)
    for name in changed:
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
