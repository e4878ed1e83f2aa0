"""Figures of installed packages: what they become, and how one that cannot be used is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards import own_figures
from kpis import registry
from kpis.custom.definition import AlertWindow
from kpis.custom.figure_file import figures
from kpis.custom.installed import installed_figures
from kpis.custom.yaml_files import MAX_FILES
from kpis.kpi import Aggregate, Unit
from tests.figures_package import IDS, installed, written

_HEAD = """
from dataclasses import replace
from datetime import date
from kpis.custom.columns import SOURCES
from kpis.custom.definition import AlertWindow, FigureText
from kpis.custom.figure_file import CustomFigure
from kpis.kpi import Aggregate, Area, Kpi, Source, Statement, Unit

COUNT = Aggregate(SOURCES["queries"].source, "count()", "count()")
KPI = Kpi("built", "Built", "Of a test.", Unit.COUNT, "down", Area.AI_PERFORMANCE, COUNT)
TOTAL = Statement({}, lambda asked: asked.where({}))
MAPPING = dict(id="mapped", title="Mapped", meaning="Of a test.", source="queries", formula={"kind": "count"})
"""

_SILENT = """
class Silent(Exception):
    def __str__(self): raise ValueError("no text")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that this process looks into."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if (folder / f"{name}.py").exists():
            del sys.modules[name]


def test_the_example_package_gives_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path))
    found = installed_figures()
    assert found.errors == ()
    assert tuple(one.kpi.id for one in found.figures) == IDS
    assert [one.alert for one in found.figures] == [None, None, AlertWindow.DAY]
    assert {one.origin for one in found.figures} == {"acme-figures 1.0 (entry point acme)"}
    mail = found.figures[1].kpi
    assert isinstance(mail.computed, Aggregate)
    assert mail.computed.n == "countIf((channel = 'email'))"
    assert mail.unit is Unit.RATIO


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("KPI", ["built"]),
        ("MAPPING", ["mapped"]),
        ("FigureText(**MAPPING)", ["mapped"]),
        ("CustomFigure(KPI)", ["built"]),
        ("[KPI, MAPPING]", ["built", "mapped"]),
        ("(KPI for _ in range(1))", ["built"]),
        ("lambda: [MAPPING]", ["mapped"]),
        ("[]", []),
    ],
)
def test_an_entry_point_gives_one_figure_or_several(site: Path, given: str, ids: list[str]) -> None:
    written(site, "many_ways", f"{_HEAD}\nGIVEN = {given}", "x = many_ways:GIVEN")
    found = installed_figures()
    assert ([one.kpi.id for one in found.figures], found.errors) == (ids, ())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_this_name", "broken:GIVEN: cannot be loaded (ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "cannot be loaded (SystemExit: 3)"),
        ("OTHER = 1", "cannot be loaded (AttributeError: module 'broken' has no attribute 'GIVEN')"),
        ("def GIVEN(): raise KeyError('x')", "cannot be loaded (KeyError: 'x')"),
        ("def GIVEN():\n    yield KPI\n    raise OSError('no\\nnetwork')", "cannot be loaded (OSError: no network)"),
        ("GIVEN = 5", "broken:GIVEN: gives an int; expected definitions (mappings"),
        ("GIVEN = 'text'", "gives a str; expected"),
        ("GIVEN = Kpi", "gives a type; expected"),
        ("GIVEN = [5]", "figure 1: is an int; expected"),
        ("GIVEN = [CustomFigure(5)]", "figure 1: is a CustomFigure; expected"),
        ("GIVEN = {**MAPPING, 'source': 'sink'}", "mapped: source: expected 'queries', 'conversations' or 'syncs'"),
        ("GIVEN = {'id': 'nothing_more'}", "nothing_more: title: is missing"),
        ("GIVEN = {**MAPPING, 'id': 'csat'}", "csat: id: 'csat' is a figure that comes with romashka"),
        ("GIVEN = {**MAPPING, 'formula': {'kind': 'share', 'of': 'chanel'}}", "mapped: formula.of: there is no column"),
        ("GIVEN = {**MAPPING, 5: 6}", "mapped: "),
        ("GIVEN = replace(KPI, id='csat')", "csat: id: 'csat' is a figure that comes with romashka"),
        ("GIVEN = replace(KPI, id='channel')", "channel: id: 'channel' means something else"),
        ("GIVEN = replace(KPI, id=5)", "figure 1: id: "),
        ("GIVEN = replace(KPI, title='${x}')", "built: title: "),
        ("GIVEN = replace(KPI, unit='count')", "built: unit: is a str; see kpis.kpi"),
        ("GIVEN = replace(KPI, direction='sideways')", "built: direction: expected 'up', 'down' or 'neutral'"),
        ("GIVEN = replace(KPI, computed='count()')", "built: computed: is a str; see"),
        ("GIVEN = replace(KPI, minimum_volume=0)", "built: minimum_volume: "),
        ("GIVEN = replace(KPI, warning=float('nan'))", "built: warning: "),
        ("GIVEN = replace(KPI, warning=2.0, critical=1.0)", "built: critical: expected a value above warning (2)"),
        ("GIVEN = CustomFigure(KPI, '1h')", "built: alert: is a str; expected"),
        ("GIVEN = CustomFigure(KPI, AlertWindow.DAY)", "built: alert: an alert needs warning or critical"),
        (
            "GIVEN = replace(KPI, computed=Statement({}, lambda asked: 1 / 0))",
            "computed: makes no statement (ZeroDiv",
        ),
        ("GIVEN = replace(KPI, computed=Statement({}, exit))", "built: computed: makes no statement (SystemExit"),
        ("import asyncio\nraise asyncio.CancelledError", "cannot be loaded (CancelledError: )"),
        (f"{_SILENT}\nraise Silent", "cannot be loaded (Silent: it cannot be shown)"),
        (f"{_SILENT}\ndef GIVEN(): raise Silent", "cannot be loaded (Silent: it cannot be shown)"),
        ("def GIVEN(): return GIVEN()", "cannot be loaded (RecursionError: "),
        (
            f"{_SILENT}\nclass Odd(dict):\n    def get(self, *_): raise Silent\nGIVEN = [Odd(MAPPING)]",
            "figure 1: cannot be",
        ),
        (
            "class Odd(CustomFigure):\n    kpi = property(exit)\nGIVEN = [Odd(KPI)]",
            "figure 1: cannot be loaded (SystemExit",
        ),
        ("GIVEN = FigureText.model_construct(id='raw')", "figure 1: cannot be loaded (AttributeError: "),
        ("GIVEN = replace(KPI, computed=Statement({}, lambda asked: 'SELECT 1'))", "does not narrow to the tenant"),
        (
            "GIVEN = CustomFigure(replace(KPI, warning=1.0, computed=TOTAL), AlertWindow.DAY)",
            "built: alert: an alert is evaluated for each tenant",
        ),
    ],
)
def test_what_cannot_be_used_is_named_and_costs_only_itself(site: Path, code: str, said: str) -> None:
    written(site, "broken", f"{_HEAD}\n{code}", "x = broken:GIVEN")
    written(site, "good", f"{_HEAD}\nGIVEN = KPI", "x = good:GIVEN")
    found = installed_figures()
    assert [one.kpi.id for one in found.figures] == ["built"]
    (error,) = found.errors
    assert str(error).startswith("broken 2.0 (entry point x): ")
    assert said in str(error)


def test_what_a_package_prints_is_no_part_of_what_a_command_prints(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = f"{_HEAD}\nprint('loading')\ndef GIVEN():\n    print('giving')\n    return KPI"
    written(site, "talkative", code, "x = talkative:GIVEN")
    assert [one.kpi.id for one in installed_figures().figures] == ["built"]
    printed = capsys.readouterr()
    assert (printed.out, printed.err.split()) == ("", ["loading", "giving"])


def test_an_id_belongs_to_whoever_has_it_first_and_files_come_first(site: Path, tmp_path: Path) -> None:
    written(site, "a_first", f"{_HEAD}\nGIVEN = [KPI, MAPPING]", "x = a_first:GIVEN")
    written(site, "b_second", f"{_HEAD}\nGIVEN = [KPI]", "x = b_second:GIVEN")
    (tmp_path / "mine.yaml").write_text(
        "id: mapped\ntitle: Mine\nmeaning: Of a file.\nsource: queries\nformula: {kind: count}\n", encoding="utf-8"
    )
    found = installed_figures(figures(tmp_path))
    assert [one.kpi.id for one in found.figures] == ["built"]
    assert [str(error) for error in found.errors] == [
        "a_first 2.0 (entry point x): id: 'mapped' is defined in mine.yaml already",
        "b_second 2.0 (entry point x): id: 'built' is defined in a_first 2.0 (entry point x) already",
    ]


def test_figures_without_end_are_cut_off(site: Path) -> None:
    code = "def GIVEN():\n    n = 0\n    while True:\n        n += 1\n        yield replace(KPI, id=f'built_{n}x')"
    written(site, "endless", f"{_HEAD}\n{code}", "x = endless:GIVEN")
    found = installed_figures()
    assert len(found.figures) == MAX_FILES
    assert "gives more than 200 figures" in str(found.errors[0])


def test_a_figure_that_is_split_by_nothing_has_a_row_without_parts(site: Path) -> None:
    code = "GIVEN = replace(KPI, computed=TOTAL)"
    written(site, "whole", f"{_HEAD}\n{code}", "x = whole:GIVEN")
    found = installed_figures()
    registry.register(one.kpi for one in found.figures)
    try:
        assert [panel.title for panel in own_figures.tab(found.figures).panels] == ["Built", "Built by day"]
    finally:
        registry.register(())
