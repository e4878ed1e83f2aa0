from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.commands import kpi
from cli.console import out
from kpis.registry import ALL
from models.errors import SettingsError


@pytest.fixture
def at_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    with monkeypatch.context() as patch:
        patch.setattr(out, "_width", 80)
        yield


@pytest.mark.usefixtures("at_eighty_columns")
def test_the_list_names_every_figure_and_fits_a_terminal() -> None:
    printed = CliRunner().invoke(kpi.app, ["list"]).output
    assert all(f" {id_} " in printed for id_ in ALL)
    assert max(len(line) for line in printed.splitlines()) <= 80


@pytest.mark.parametrize("id_", ALL)
def test_a_figure_is_shown_with_its_meaning_and_what_it_can_be_split_by(id_: str) -> None:
    printed = " ".join(CliRunner().invoke(kpi.app, ["show", id_]).output.split())
    assert ALL[id_].meaning in printed
    assert ", ".join(ALL[id_].dimensions) in printed


def test_the_list_for_programs_has_units_and_directions() -> None:
    rows = json.loads(CliRunner().invoke(kpi.app, ["list", "--format", "json"]).output)
    assert [row["id"] for row in rows] == list(ALL)
    assert set(rows[0]) == {"id", "title", "unit", "good", "area"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["csta"], "did you mean csat"),
        (["csat", "--tenant", "acme"], "--tenant is 'acme'; expected a UUID"),
        (["csat", "--from", "yesterday"], "--from is 'yesterday'; expected ISO-8601"),
        (["csat", "--from", "2026-11-02", "--to", "2026-11-01"], "ends before it begins"),
        (["csat", "--time-zone", "Berlin"], "there is no time zone 'Berlin'"),
        (["csat", "--by", "weather"], "cannot split csat by 'weather'; expected one of tenant"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(arguments: list[str], said: str) -> None:
    failure = CliRunner().invoke(kpi.app, ["get", *arguments]).exception
    assert isinstance(failure, SettingsError)
    assert said in str(failure)
