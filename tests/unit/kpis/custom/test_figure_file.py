"""Files of user-defined figures: what they become, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpis.custom.definition import AlertWindow
from kpis.custom.examples import EXAMPLES
from kpis.custom.figure_file import figure, figures
from kpis.custom.yaml_files import MAX_FILES
from kpis.kpi import Aggregate, Area, Unit
from kpis.registry import ALL
from models.errors import ConfigurationError

GOOD = EXAMPLES["queries"]


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_examples_are_definitions(source: str, tmp_path: Path) -> None:
    one = figure(written(tmp_path, EXAMPLES[source]))
    assert one.kpi.id not in ALL
    assert isinstance(one.kpi.computed, Aggregate)


def test_a_definition_becomes_a_figure(tmp_path: Path) -> None:
    kpi, alert, origin = figure(written(tmp_path, GOOD))
    assert (kpi.id, kpi.unit, kpi.direction, kpi.area) == ("slow_chat_share", Unit.RATIO, "down", Area.AI_PERFORMANCE)
    assert (kpi.minimum_volume, kpi.warning, kpi.critical) == (50, 0.05, 0.10)
    assert (alert, origin) == (AlertWindow.HOUR, "one.yaml")
    assert isinstance(kpi.computed, Aggregate)
    assert kpi.computed.n == "countIf((channel = 'web_chat'))"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("id: slow_chat_share", "id: csat", 1, "id: 'csat' is a figure that comes with romashka"),
        ("id: slow_chat_share", "id: channel", 1, "id: 'channel' means something else"),
        ("id: slow_chat_share", "id: slow_n", 1, "id: 'slow_n' means something else"),
        ("id: slow_chat_share", "id: kpi_query_count", 1, "id: 'kpi_query_count' means something else"),
        ("id: slow_chat_share", "id: Slow", 1, "id: "),
        ("id: slow_chat_share\n", "id: slow_chat_share\nid: slow\n", 2, "id: is there twice"),
        ("  where:", "  kind: share\n  where:", 8, "kind: is there twice"),
        ("title: Slow answers in chat", "title: 5", 2, "title: "),
        ("warning: 0.05", "warning: .nan", 11, "warning: "),
        ("critical: 0.10", "critical: .inf", 12, "critical: "),
        ("warning: 0.05", "warning: 5", 11, "warning: a share is 0 to 1, found 5"),
        ("warning: 0.05", "warning: -0.1", 11, "warning: a share is 0 to 1, found -0.1"),
        ("minimum_volume: 50", "minimum_volume: 1:30", 10, "minimum_volume: "),
        ("minimum_volume: 50", f"minimum_volume: {'9' * 5000}", 10, "minimum_volume: "),
        ("id: slow_chat_share", "id: 5", 1, "id: "),
        ("id: slow_chat_share\n", "", 1, "id: is missing"),
        ("title: Slow answers in chat", "title: '{{ .Labels }}'", 2, "title: "),
        ("title: Slow answers in chat", "title: ''", 2, "title: "),
        (
            "source: queries",
            "source: tables",
            4,
            "source: expected 'queries', 'conversations' or 'syncs', found 'tables'",
        ),
        ("  kind: share", "  kind: median", 6, "formula.kind: expected 'share', 'count'"),
        ("  of: response_time_ms > 2000\n", "", 5, "formula: a share needs of"),
        ("  of: response_time_ms > 2000", "  of: response_tme_ms > 2000", 7, "formula.of: there is no column"),
        (
            "  where: channel = 'web_chat'",
            "  where: channel = 'web_chat'; DROP TABLE x",
            8,
            "formula.where: found 2 statements",
        ),
        ("  where: channel = 'web_chat'", "  column: channel", 5, "formula: a share takes no column"),
        ("direction: down", "direction: sideways", 9, "direction: expected"),
        ("direction: down\n", "", 1, "direction: thresholds need to know which direction is better"),
        ("critical: 0.10", "critical: 0.01", 12, "critical: expected a value above warning (0.05)"),
        ("minimum_volume: 50", "minimum_volume: 0", 10, "minimum_volume: "),
        ("minimum_volume: 50", "minimum_volume: '50'", 10, "minimum_volume: "),
        ("alert: 1h", "alert: 5m", 13, "alert: expected '1h' or '24h', found '5m'"),
        ("alert: 1h", "alert: 1h\nunit: minutes", 14, "unit: a share is a ratio"),
        ("alert: 1h", "alert: 1h\ncolour: red", 14, "colour: is not a field of a definition"),
        ("warning: 0.05\ncritical: 0.10\n", "", 11, "alert: an alert needs warning or critical"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigurationError) as refused:
        figure(path)
    assert str(refused.value).startswith(f"{path}, line {line}: {said}")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("kind: mean\n  column: response_time_ms", "needs unit: count, ratio, score"),
        ("kind: mean\n  column: channel", "channel is text; expected one of response_time_ms"),
        ("kind: distinct\n  column: response_time_ms", "response_time_ms is number; expected one of"),
        ("kind: quantile\n  column: response_time_ms\n  q: 1.5", "less than 1"),
        ("kind: ratio\n  numerator: response_time_ms\n  denominator: channel", "channel is text"),
    ],
)
def test_a_formula_takes_columns_of_its_kind(tmp_path: Path, formula: str, said: str) -> None:
    unit = "" if "needs unit" in said or "distinct" in formula else "unit: score\n"
    text = f"id: own\ntitle: Own\nmeaning: m\nsource: queries\n{unit}formula:\n  {formula}\n"
    with pytest.raises(ConfigurationError, match=said):
        figure(written(tmp_path, text))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[1, 2]", b"a: [", b"just text", b"", b"!!python/object:os.system {}", b"x" * 30_000, b"? [a]\n: b"],
)
def test_what_is_no_definition_is_told_with_its_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"odd\.yaml"):
        figure(path)


def test_a_wrong_file_costs_only_its_own_figure(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "a.yaml")
    written(tmp_path, "id: x", "b.yaml")
    written(tmp_path, GOOD, "c.yml")
    written(tmp_path, EXAMPLES["syncs"], "d.yaml")
    written(tmp_path, "not read", "notes.txt")
    found = figures(tmp_path)
    assert [one.kpi.id for one in found.figures] == ["slow_chat_share", "lost_record_ratio"]
    assert [str(error).partition(":")[0].rpartition("/")[2] for error in found.errors] == ["b.yaml, line 1", "c.yml"]
    assert "is defined in a.yaml already" in str(found.errors[1])


@pytest.mark.parametrize("text", ["2026-13-45", "2026-11-45 10:00:00", "0x_", "0b_", "yes", "~x", "1_000", "12:30:45"])
def test_what_yaml_would_make_something_else_of_is_text(tmp_path: Path, text: str) -> None:
    assert figure(written(tmp_path, GOOD.replace("title: Slow answers in chat", f"title: {text}"))).kpi.title == text


@pytest.mark.parametrize(
    "text", ["!!int foo", "!!float foo", '!!int ""', "!!bool foo", "!!timestamp foo", "!!binary é"]
)
def test_a_tag_that_does_not_fit_costs_only_its_own_figure(tmp_path: Path, text: str) -> None:
    written(tmp_path, GOOD.replace("title: Slow answers in chat", f"title: {text}"), "a.yaml")
    written(tmp_path, EXAMPLES["syncs"], "b.yaml")
    found = figures(tmp_path)
    assert [one.kpi.id for one in found.figures] == ["lost_record_ratio"]
    assert "a.yaml" in str(found.errors[0])


def test_too_many_files_cost_those_beyond_the_limit(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        written(tmp_path, GOOD.replace("slow_chat_share", f"slow_{number:03}x"), f"{number:03}.yaml")
    found = figures(tmp_path)
    assert len(found.figures) == MAX_FILES
    assert "201 definitions; only the first 200 are read" in str(found.errors[0])


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert figures(tmp_path / "none") == ((), ())
