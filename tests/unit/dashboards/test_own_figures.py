"""The tab and the alert rules of figures that an installation defines for itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards import own_figures
from dashboards.alerts import files as alerts
from dashboards.alerts.rules import RULES
from dashboards.files import Installation, drifted, generated, write
from kpis import registry
from kpis.custom.examples import EXAMPLES
from kpis.custom.figure_file import CustomFigure, figures

_LONGEST_UID = 40  # Grafana refuses the whole file otherwise, and does not start


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[CustomFigure, ...]]:
    """One of each source, and two with long ids that begin alike."""
    texts = dict(EXAMPLES)
    for end in "ab":
        texts[f"long_{end}"] = EXAMPLES["queries"].replace("slow_chat_share", f"{'slow_' * 10}{end}")
    (tmp_path / "kpis.d").mkdir()
    for name, text in texts.items():
        (tmp_path / "kpis.d" / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = figures(tmp_path / "kpis.d")
    assert found.errors == ()
    registry.register(one.kpi for one in found.figures)
    yield found.figures
    registry.register(())


def test_every_figure_has_a_row_and_who_asks_for_it_a_rule(own: tuple[CustomFigure, ...]) -> None:
    tab = own_figures.tab(own)
    assert [row.title for row in tab.rows] == [one.kpi.title for one in own]
    assert len({panel.id for panel in tab.panels}) == len(tab.panels)
    rules = own_figures.rules(own)
    assert [rule.title for rule in rules] == [one.kpi.title for one in own if one.alert]
    assert all(rule.panel in {panel.id for panel in tab.panels} for rule in rules)


def test_uids_of_rules_are_apart_and_short_enough_for_grafana(own: tuple[CustomFigure, ...]) -> None:
    uids = [rule.uid(level) for rule in (*RULES, *own_figures.rules(own)) for level in rule.lines]
    assert len(set(uids)) == len(uids)
    assert max(map(len, uids)) <= _LONGEST_UID


def test_own_figures_add_a_dashboard_and_rules_and_take_nothing_away(
    own: tuple[CustomFigure, ...], tmp_path: Path
) -> None:
    assert generated(Installation(own)).keys() - generated().keys() == {"dashboards/analyst/romashka-own-figures.json"}
    before, after = (json.loads(files[alerts.FILE])["groups"] for files in (generated(), generated(Installation(own))))
    assert [group for group in after if group in before] == before
    write(tmp_path / "grafana", Installation(own))
    assert drifted(tmp_path / "grafana", Installation(own)) == []
    write(tmp_path / "grafana")
    assert drifted(tmp_path / "grafana") == [], "a figure that is no longer defined takes its dashboard along"
