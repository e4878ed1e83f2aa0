"""A figure and a board added to a running installation, by the commands that docs/custom-figures.md shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from cli import custom_figures, installation
from cli.main import app
from cli.settings import settings
from kpis import registry
from tests.simulated_week import Week

pytestmark = pytest.mark.stack

_PAGE: Final = Path(__file__).parents[3] / "docs/custom-figures.md"
_CACHES: Final = (settings, custom_figures.custom_figures, installation.own_boards)


def commands() -> list[list[str]]:
    """Return the arguments of each command of the page's block."""
    (block,) = re.findall(r"<!-- tests/\S+ runs these commands -->\n```sh\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert {line[0] for line in lines} == {"romashka"}
    return [line[1:] for line in lines]


def run(arguments: list[str]) -> str:
    """Run a command as a new process would: with nothing that was read before."""
    for cache in _CACHES:
        cache.cache_clear()
    done = CliRunner().invoke(app, arguments, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def installed(tmp_path: Path, week: Week, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation without figures and boards of its own, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", week.address.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", week.address.database)
    yield tmp_path
    registry.register(())
    for cache in _CACHES:
        cache.cache_clear()


def test_the_commands_of_the_page_add_a_figure_and_a_board(installed: Path) -> None:
    new_figure, new_board, figures, boards, listed, preview, dashboards = commands()
    run(["dashboards"])
    before = {path.name for path in installed.glob("deploy/grafana/dashboards/*/*.json")}
    run(new_figure)
    run(new_board)
    board = installed / "boards.d/support-lead.yaml"
    board.write_text(board.read_text().replace("figure: csat\n", "figure: slow_chat_share\n"), encoding="utf-8")
    assert "slow_chat_share.yaml" in run(figures)
    assert "support-lead" in run(boards)
    assert "What we look at each morning." in run(listed)
    run(preview)
    page = (installed / "preview/romashka-board-support-lead.html").read_text(encoding="utf-8")
    assert "Slow answers in chat" in page
    assert "What the AI lacked, and what to do" in page
    run(dashboards)
    after = {path.name for path in installed.glob("deploy/grafana/dashboards/*/*.json")}
    assert after - before == {"romashka-board-support-lead.json", "romashka-own-figures.json"}
    (written,) = installed.glob("deploy/grafana/dashboards/*/romashka-board-support-lead.json")
    titles = [panel["title"] for panel in json.loads(written.read_text())["panels"]]
    assert {"Slow answers in chat", "Conversations by channel"} <= set(titles)


@pytest.mark.parametrize("name", ["Support", "a" * 24, "a{b", "../x", "$x"])
def test_a_board_of_a_name_that_cannot_be_one_is_not_written(installed: Path, name: str) -> None:
    for cache in _CACHES:
        cache.cache_clear()
    refused = CliRunner().invoke(app, ["boards", "new", name])
    assert refused.exit_code == 1
    assert not list(installed.rglob("*.yaml"))
