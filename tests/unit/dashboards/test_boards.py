"""Boards that an installation lays out for itself: what they become, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.boards import board, boards
from dashboards.files import Installation, generated
from dashboards.panel import PanelType
from models.errors import ConfigurationError

GOOD = """\
id: support-lead
title: Support lead
about: What the support lead looks at each morning.
range: 7d
rows:
  - title: Today
    panels:
      - figure: csat
      - figure: handoff_rate
  - title: Where
    panels:
      - figure: csat
        show: line
        every: week
        by: [channel]
      - figure: error_rate
        show: bars
        by: [provider]
      - figure: handoff_rate
        show: table
        by: [channel, segment]
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_board_becomes_a_tab(tmp_path: Path) -> None:
    tab = board(written(tmp_path, GOOD))
    assert (tab.uid, tab.title, tab.span) == ("romashka-board-support-lead", "Support lead", "now-7d")
    assert [panel.picture for panel in tab.panels] == [
        PanelType.STAT,
        PanelType.STAT,
        PanelType.TIME_SERIES,
        PanelType.BARS,
        PanelType.TABLE,
    ]
    assert [panel.title for panel in tab.panels][2:] == [
        "CSAT by week",
        "Query error rate by provider",
        "Escalation rate by channel and segment",
    ]
    assert len({panel.id for panel in tab.panels}) == 5
    added = generated(Installation(boards=(tab,))).keys() - generated().keys()
    assert added == {"dashboards/analyst/romashka-board-support-lead.json"}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("id: support-lead", "id: Support", 1, "id: "),
        ("id: support-lead", f"id: {'a' * 30}", 1, "id: "),  # Grafana's uids have at most 40 characters
        ("title: Support lead", "title: ${x}", 2, "title: "),
        ("range: 7d", "range: 1M", 4, "range: "),
        (
            "- figure: csat\n      -",
            "- figure: cast\n      -",
            8,
            "rows.1.panels.1.figure: there is no key figure 'cast'; did",
        ),
        ("every: week", "every: year", 14, "rows.2.panels.1.every: expected"),
        (
            "show: line",
            "show: pie",
            13,
            "rows.2.panels.1.show: expected 'number', 'line', 'bars' or 'table', found 'pie'",
        ),
        (
            "by: [provider]",
            "by: [planet]",
            18,
            "rows.2.panels.2.by: error_rate has no 'planet'; expected one of tenant",
        ),
        ("by: [provider]", "by: [provider, query_type]", 16, "rows.2.panels.2: shown as bars it takes one of by"),
        ("        show: bars\n", "", 16, "rows.2.panels.2: shown as number it takes none of by"),
        ("        by: [provider]\n", "", 16, "rows.2.panels.2: shown as bars it takes one of by"),
        (
            "by: [channel, segment]",
            "by: [channel, channel]",
            19,
            "rows.2.panels.3: shown as table it takes one to three",
        ),
        ("range: 7d", "range: 7d\ncolour: red", 5, "colour: is not a field"),
        (GOOD[GOOD.index("rows:") :], "rows: []\n", 5, "rows: "),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigurationError) as refused:
        board(path)
    assert str(refused.value).startswith(f"{path}, line {line}: {said}")


def test_a_wrong_file_costs_only_its_own_board(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "a.yaml")
    written(tmp_path, "id: x", "b.yaml")
    written(tmp_path, GOOD, "c.yaml")
    found = boards(tmp_path)
    assert [tab.uid for tab in found.tabs] == ["romashka-board-support-lead"]
    assert [str(error).partition(",")[0].partition(":")[0].rpartition("/")[2] for error in found.errors] == [
        "b.yaml",
        "c.yaml",
    ]
    assert boards(tmp_path / "none") == ((), ())
