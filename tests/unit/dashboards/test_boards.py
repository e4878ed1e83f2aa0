"""Boards that an installation lays out for itself: what they become, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards import grafana
from dashboards.analysis_columns import PANELS
from dashboards.boards import board, boards
from dashboards.files import Installation, generated
from dashboards.panel import PanelType
from kpis.analyses.catalogue import ANALYSES
from kpis.analyses.finished import FINISHED
from kpis.sql.dialect import Grafana
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


ANALYSES_TOO = """\
id: deep
title: Deep
about: Analyses beside figures.
rows:
  - title: Analyses
    panels:
      - analysis: gaps
        title: What is missing
        where: {channel: web_chat}
        order: lost_value
        limit: 5
        width: 16
      - analysis: channels
        show: bars
        of: conversations
      - analysis: fault-cost
        where: {provider: shopify}
      - figure: csat
        title: Are they happy?
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_board_becomes_a_tab(tmp_path: Path) -> None:
    tab = board(written(tmp_path, GOOD))
    assert (tab.uid, tab.title, tab.span) == ("romashka-board-support-lead", "Support lead", "7d")
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
        ("title: Support lead", "title: Of [[tenant]]", 2, "title: expected text without [["),
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


def test_analyses_stand_beside_figures(tmp_path: Path) -> None:
    gaps, channels, fault, csat = board(written(tmp_path, ANALYSES_TOO)).panels
    assert [one.picture for one in (gaps, channels, fault)] == [PanelType.TABLE, PanelType.BARS, PanelType.TABLE]
    assert [one.title for one in (gaps, channels, fault, csat)] == [
        "What is missing",
        "Conversations by channel",
        "What an integration's fault cost, of shopify",
        "Are they happy?",
    ]
    assert (gaps.width, channels.width, csat.width) == (16, 12, 6)
    assert gaps.asks["A"].filters == {"provider", "country", "segment"}, "what the board fixes is no variable"
    sql = gaps.asks["A"].render(Grafana(("tenant", "provider")))
    assert "channel = 'web_chat'" in sql
    assert sql.endswith("ORDER BY v.lost_value DESC NULLS LAST LIMIT 5")
    assert [column.name for column in gaps.columns][:3] == ["tenant", "tenant_id", "label"]
    assert [column.name for column in channels.columns] == ["label", "conversations"]


@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_can_be_on_a_board(name: str, tmp_path: Path) -> None:
    where = "        where: {provider: shopify}\n" if name == "fault-cost" else ""
    text = ANALYSES_TOO[: ANALYSES_TOO.index("      - analysis")] + f"      - analysis: {name}\n{where}"
    for number in PANELS[name].numbers:
        text += f"      - analysis: {name}\n        show: bars\n        of: {number}\n        limit: 3\n{where}"
        if text.count("- analysis") == 12:
            break
    tab = board(written(tmp_path, text))
    for panel in tab.panels:
        variables = ("tenant", *sorted(panel.asks["A"].filters))
        assert "$__fromTime" in panel.asks["A"].render(Grafana(variables))
    titles = [column.title for column in tab.panels[0].columns]
    assert len(set(titles)) == len(titles), "Grafana shows the last of two columns of one title in both"
    assert set(FINISHED) == set(ANALYSES) == set(PANELS)
    assert tab.panels[0].columns
    assert grafana.render(tab)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            "analysis: gaps",
            "analysis: gap",
            7,
            "rows.1.panels.1.analysis: there is no analysis 'gap'; expected one of sav",
        ),
        (
            "analysis: gaps",
            "figure: csat\n        analysis: gaps",
            7,
            "rows.1.panels.1: expected figure or analysis, one",
        ),
        ("- analysis: gaps", "- every: day", 7, "rows.1.panels.1: expected figure or analysis, one"),
        ("limit: 5", "every: day", 11, "rows.1.panels.1.every: an analysis takes none"),
        ("limit: 5", "limit: 500", 11, "rows.1.panels.1.limit: "),
        ("limit: 5", "show: line", 11, "rows.1.panels.1.show: an analysis is shown as table or bars"),
        ("order: lost_value", "order: label", 10, "rows.1.panels.1.order: gaps has no number 'label'; expected one of"),
        ("{channel: web_chat}", "{stage: buying}", 9, "rows.1.panels.1.where: gaps cannot be narrowed by 'stage'; exp"),
        ("{channel: web_chat}", '{channel: "a\'b"}', 9, "rows.1.panels.1.where.channel: "),
        ("{channel: web_chat}", "{channel: '${x}'}", 9, "rows.1.panels.1.where.channel: "),
        ("{channel: web_chat}", "{channel: '[[x]]'}", 9, "rows.1.panels.1.where.channel: expected text without [["),
        ("title: What is missing", "title: '$x'", 8, "rows.1.panels.1.title: "),
        ("        of: conversations\n", "", 13, "rows.1.panels.2: bars need of"),
        ("        show: bars\n", "", 13, "rows.1.panels.2: bars need of"),
        (
            "of: conversations",
            "of: channel",
            15,
            "rows.1.panels.2.of: channels has no number 'channel'; expected one of",
        ),
        ("        where: {provider: shopify}\n", "", 16, "rows.1.panels.3: fault-cost needs where, with provider"),
        ("title: Are they happy?", "where: {channel: web_chat}", 19, "rows.1.panels.4.where: a figure takes none"),
    ],
)
def test_a_wrong_field_of_an_analysis_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in ANALYSES_TOO
    path = written(tmp_path, ANALYSES_TOO.replace(old, new))
    with pytest.raises(ConfigurationError) as refused:
        board(path)
    assert str(refused.value).startswith(f"{path}, line {line}: {said}")


def test_a_file_whose_aliases_are_more_than_memory_holds_is_named_at_once(tmp_path: Path) -> None:
    lists = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    bomb = f"a0: &a0 [x]\n{lists}\nrows: [{{title: A, panels: [{{figure: csat, show: *a11}}]}}]\n"
    (tmp_path / "bomb.yaml").write_text(f"id: bomb\ntitle: Bomb\nabout: None.\n{bomb}", encoding="utf-8")
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    found = boards(tmp_path)
    assert [one.title for one in found.tabs] == ["Support lead"]
    (error,) = found.errors
    assert str(error).endswith("bomb.yaml: aliases make more than 10,000 values of it; write them out")


def test_a_folder_that_cannot_be_read_is_named_and_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("iterdir", "is_dir"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refuse)
            found = boards(tmp_path)
        assert found.tabs == ()
        assert [str(error) for error in found.errors] == [
            f"{tmp_path} cannot be read (Permission denied); nothing of it is used"
        ]
